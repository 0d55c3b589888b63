#include "devices/host/fs/virtiofsd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/find_program.h"
#include "base/process.h"
#include "devices/host/fs/share_sandbox.h"

namespace bothy {
namespace {

constexpr std::chrono::milliseconds kEndTimeout{1000};

Result<std::string> find_virtiofsd(const std::string& what) {
  if (const char* chosen = std::getenv("BOTHY_VIRTIOFSD"); chosen != nullptr && *chosen != '\0') {
    if (::access(chosen, X_OK) != 0) {
      Error error = errno_error(fmt::format("{}: can't run BOTHY_VIRTIOFSD '{}'", what, chosen));
      error.code = ErrorCode::kUnsupported;
      return error;
    }
    return std::string(chosen);
  }
  // Where packages install it, which no PATH has.
  if (auto found = find_program("virtiofsd", path_variable(),
                                {"/usr/libexec", "/usr/lib/qemu", "/usr/lib/virtiofsd"})) {
    return *std::move(found);
  }
  return make_error(
      ErrorCode::kUnsupported,
      "{}: virtiofsd is not installed, and sharing directories needs it: 'apt install "
      "virtiofsd' (qemu-system-common on Debian 12)",
      what);
}

Result<UniqueFd> open_directory(const std::string& what, const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    const bool file = errno == ENOTDIR && ::access(path.c_str(), F_OK) == 0;
    Error error = file
                      ? make_error(ErrorCode::kInvalid,
                                   "{}: '{}' is not a directory: share the directory that holds it",
                                   what, path)
                      : errno_error(fmt::format("{}: can't share '{}'", what, path));
    error.code = ErrorCode::kInvalid;
    return error;
  }
  return fd;
}

Result<void> check_file(const std::string& what, int directory, const SharedDirectory& shared,
                        struct stat& status) {
  const bool is_name = shared.file.find('/') == std::string::npos;
  if (!is_name || ::fstatat(directory, shared.file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kInvalid, "{}: '{}/{}' is not a regular file", what, shared.path,
                      shared.file);
  }
  return success();
}

// A listening socket for one client, and that client. The kernel chooses its abstract name, so
// there is no file; and its backlog is taken by our own client, so nobody else can connect.
Result<void> make_connection(const std::string& what, UniqueFd& listener, UniqueFd& client) {
  listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  client.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof(address);
  if (::bind(listener.get(), generic, sizeof(sa_family_t)) != 0 ||
      ::getsockname(listener.get(), generic, &length) != 0 || ::listen(listener.get(), 0) != 0 ||
      ::connect(client.get(), generic, length) != 0) {
    return errno_error(what + ": can't make a socket for virtiofsd");
  }
  return success();
}

constexpr int kDirectory = 4;  // in the companion
constexpr int kListenerEnd = 5;
constexpr char kStarted = '\n';  // from the companion; an error's text otherwise
constexpr char kKill = 'k';      // to the companion; its answer is the last line of the process

void tell(std::string_view text) noexcept {
  static_cast<void>(::send(Companion::kSocket, text.data(), text.size(), MSG_NOSIGNAL));
}

// What the companion does. virtiofsd has a second process in its sandbox, which need not end with
// the first: the whole session is killed.
void keep(const ShareSandbox& sandbox, const std::string& program) {
  auto started = start_in_sandbox(sandbox, virtiofsd_command(program));
  if (!started) {
    return tell(started.error().context);
  }
  Process& process = started.value();
  tell({&kStarted, 1});
  process.read_output({Process::Clock::time_point::max(), Companion::kSocket});
  char request = 0;
  const bool now = ::read(Companion::kSocket, &request, sizeof(request)) == sizeof(request);
  if (now || !process.wait_until(Process::Clock::now() + kEndTimeout)) {
    process.kill_group(SIGKILL);
    process.wait();
  }
  if (now) {
    process.read_output({Process::Clock::now() + kEndTimeout});
    tell(last_line(process.output()));
  }
}

// The text that the companion sends until it ends, or until its first byte.
std::string receive_text(const Companion& keeper, bool first_byte) {
  std::string text;
  std::array<char, 1024> piece{};
  for (;;) {
    const ssize_t got = ::recv(keeper.socket(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return text;
    }
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (first_byte && text.front() == kStarted) {
      return text;
    }
  }
}

}  // namespace

Result<std::unique_ptr<Virtiofsd>> Virtiofsd::start(const std::string& what,
                                                    const SharedDirectory& directory) {
  BOTHY_TRY(const UniqueFd root, open_directory(what, directory.path));
  struct stat file {};
  if (!directory.file.empty()) {
    BOTHY_TRY(check_file(what, root.get(), directory, file));
  }
  BOTHY_TRY(const std::string program, find_virtiofsd(what));
  UniqueFd listener;
  UniqueFd client;
  BOTHY_TRY(make_connection(what, listener, client));
  ShareSandbox sandbox;
  sandbox.directory = kDirectory;
  sandbox.file = directory.file;
  sandbox.file_device = file.st_dev;
  sandbox.file_inode = file.st_ino;
  sandbox.read_only = directory.read_only;
  sandbox.listener = kListenerEnd;
  BOTHY_TRY(Companion keeper,
            Companion::start({{kDirectory, root.get()}, {kListenerEnd, listener.get()}},
                             [&] { keep(sandbox, program); }));
  const std::string told = receive_text(keeper, true);
  if (told.empty() || told.front() != kStarted) {
    return make_error(ErrorCode::kSystem, "{}: {}", what, told);
  }
  return std::unique_ptr<Virtiofsd>(new Virtiofsd(std::move(client), std::move(keeper)));
}

std::vector<std::string> virtiofsd_command(const std::string& program) {
  // Both implementations take these.
  return {program, "-f", fmt::format("--fd={}", ShareSandbox::kListener), "-o",
          fmt::format("source={}", ShareSandbox::kMountPoint), "-o", "sandbox=namespace",
          // The guest sees a mount in the directory as one: files of two have one number at times.
          "-o", "announce_submounts",
          // Without CAP_MKNOD a guest can't create a node of a device of the host.
          "-o", "modcaps=-mknod"};
}

Virtiofsd::~Virtiofsd() {
  socket_.reset();
  if (keeper_) {
    ::shutdown(keeper_->socket(), SHUT_WR);
    static_cast<void>(receive_text(*keeper_, false));
  }
}

std::string Virtiofsd::kill() noexcept {
  socket_.reset();
  if (!keeper_) {
    return {};
  }
  static_cast<void>(::send(keeper_->socket(), &kKill, sizeof(kKill), MSG_NOSIGNAL));
  std::string last = receive_text(*keeper_, false);
  keeper_.reset();
  return last;
}

}  // namespace bothy
