#include "devices/host/fs/virtiofsd.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "devices/host/fs/share_sandbox.h"

namespace bothy {
namespace {

constexpr std::chrono::milliseconds kTimeToEnd{1000};
constexpr std::size_t kMostWords = 4096;

bool is_program(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_virtiofsd(const std::string& what) {
  if (const char* chosen = std::getenv("BOTHY_VIRTIOFSD"); chosen != nullptr && *chosen != '\0') {
    if (!is_program(chosen)) {
      return make_error(ErrorCode::kUnsupported, "{}: BOTHY_VIRTIOFSD is {}, which is no program",
                        what, chosen);
    }
    return std::string(chosen);
  }
  const char* path = std::getenv("PATH");
  // It lives where nobody's PATH goes.
  std::string_view directories = path == nullptr ? "" : path;
  const std::string all =
      std::string(directories) + ":/usr/libexec:/usr/lib/qemu:/usr/lib/virtiofsd";
  directories = all;
  while (!directories.empty()) {
    const std::size_t end = std::min(directories.find(':'), directories.size());
    const std::string_view directory = directories.substr(0, end);
    directories.remove_prefix(std::min(end + 1, directories.size()));
    // A relative one would be looked for in the shared directory.
    if (const std::string candidate = std::string(directory) + "/virtiofsd";
        directory.starts_with('/') && is_program(candidate)) {
      return candidate;
    }
  }
  return make_error(ErrorCode::kUnsupported,
                    "{}: virtiofsd isn't installed, which shares directories: 'apt install "
                    "virtiofsd', or qemu-system-common on Debian 12",
                    what);
}

Result<UniqueFd> open_directory(const std::string& what, const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    const bool file = errno == ENOTDIR && ::access(path.c_str(), F_OK) == 0;
    Error error =
        file ? make_error(ErrorCode::kInvalid,
                          "{}: {} is no directory: one that holds it can be shared", what, path)
             : errno_error(fmt::format("{}: can't share {}", what, path));
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
    return make_error(ErrorCode::kInvalid, "{}: {}/{} is no regular file", what, shared.path,
                      shared.file);
  }
  return success();
}

// A socket that somebody can take one connection from, and that connection's other end. It is bound
// to a name of the kernel's choice, so there is no file; and since it has room for one client, who
// is ours, nobody else can be taken for us.
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

// What a process has said on `fd`, and says until it ends or the time does.
std::string listen_to(int fd) {
  std::string words;
  const auto deadline = std::chrono::steady_clock::now() + kTimeToEnd;
  while (words.size() < kMostWords) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd poll{fd, POLLIN, 0};
    std::array<char, 512> piece{};
    if (left.count() < 0 || ::poll(&poll, 1, static_cast<int>(left.count())) <= 0) {
      break;
    }
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got <= 0) {
      break;
    }
    words.append(piece.data(), static_cast<std::size_t>(got));
  }
  return words;
}

std::string last_line(std::string words) {
  while (!words.empty() && words.back() == '\n') {
    words.pop_back();
  }
  std::string last = words.substr(words.rfind('\n') + 1);
  // A log that is meant for a terminal must not command ours.
  std::erase_if(last, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  return last.empty() ? "it says nothing" : last;
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
  std::array<int, 2> ends{};
  // Non-blocking, for the writer too: nobody reads it until something goes wrong.
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return errno_error(what + ": can't make a pipe for virtiofsd");
  }
  UniqueFd words(ends[0]);
  const UniqueFd words_of_child(ends[1]);
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nothing) {
    return errno_error(what + ": can't open /dev/null");
  }
  ShareSandbox sandbox;
  sandbox.directory = root.get();
  sandbox.file = directory.file.empty() ? nullptr : directory.file.c_str();
  sandbox.file_device = file.st_dev;
  sandbox.file_inode = file.st_ino;
  sandbox.read_only = directory.read_only;
  sandbox.nothing = nothing.get();
  sandbox.words = words_of_child.get();
  sandbox.listener = listener.get();
  // Words that both programs know.
  BOTHY_TRY(const pid_t pid,
            start_in_sandbox(sandbox, {program, "-f", fmt::format("--fd={}", sandbox.kListener),
                                       "-o", fmt::format("source={}", sandbox.kMountPoint), "-o",
                                       "sandbox=namespace"}));
  return std::unique_ptr<Virtiofsd>(new Virtiofsd(std::move(client), std::move(words), pid));
}

Virtiofsd::~Virtiofsd() {
  socket_.reset();
  if (pid_ < 0) {
    return;
  }
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd poll{process.get(), POLLIN, 0};
  // A signal that ends the waiting early ends virtiofsd early.
  static_cast<void>(process && ::poll(&poll, 1, static_cast<int>(kTimeToEnd.count())) > 0);
  end();
}

std::string Virtiofsd::kill() noexcept {
  socket_.reset();
  if (pid_ >= 0) {
    end();
  }
  return last_line(listen_to(words_.get()));
}

// It has a second process in its sandbox, which need not end with the first: all of its session
// goes.
void Virtiofsd::end() noexcept {
  if (::kill(-pid_, SIGKILL) != 0) {
    ::kill(pid_, SIGKILL);  // it hasn't begun one yet
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace bothy
