#include "oci/notify_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/send_descriptors.h"
#include "oci/named_socket.h"

namespace bothy::oci {
namespace {

constexpr std::string_view kVariable = "NOTIFY_SOCKET=";
constexpr const char* kPlace = "/run/notify";  // in the container
constexpr const char* kName = "notify.sock";
constexpr int kBarrierTimeout = 30'000;  // milliseconds
constexpr std::size_t kMaxMessage = 4096;

std::string_view callers_socket() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  return path == nullptr ? std::string_view() : std::string_view(path);
}

bool has_ready_line(std::string_view message) {
  while (!message.empty()) {
    const std::string_view line = message.substr(0, message.find('\n'));
    if (line == "READY=1") {
      return true;
    }
    message.remove_prefix(std::min(line.size() + 1, message.size()));
  }
  return false;
}

// sd_notify(3): an address that begins with "@" is of the abstract namespace.
Result<UniqueFd> connect_to_manager() {
  const std::string_view path = callers_socket();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return make_error(ErrorCode::kInvalid, "NOTIFY_SOCKET: a path of more than {} bytes",
                      sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.starts_with('@')) {
    address.sun_path[0] = '\0';
  }
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return errno_error(fmt::format("can't reach the service manager at '{}'", printable(path)));
  }
  return socket;
}

Error not_told() {
  return errno_error("can't tell the service manager that the container is ready");
}

// sd_notify(3), BARRIER: the service manager closes the descriptor when it has read all before.
Result<void> wait_for_manager(const UniqueFd& manager) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return not_told();
  }
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  if (!send_descriptors(manager.get(), std::span(&ends[1], 1), "BARRIER=1")) {
    return not_told();
  }
  writer.reset();
  pollfd closed{reader.get(), 0, 0};
  if (::poll(&closed, 1, kBarrierTimeout) == 0) {
    return make_error(ErrorCode::kBusy, "the service manager doesn't read its notifications");
  }
  return success();
}

Result<void> tell_manager(pid_t pid) {
  BOTHY_TRY(const UniqueFd manager, connect_to_manager());
  const std::string text = fmt::format("MAINPID={}\nREADY=1\n", pid);
  if (::send(manager.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) {
    return not_told();
  }
  return wait_for_manager(manager);
}

}  // namespace

bool NotifySocket::is_wanted() {
  return !callers_socket().empty();
}

Result<void> NotifySocket::prepare(const Records& records, const std::string& id,
                                   container::OciSpec& spec) {
  const std::string directory = records.notify_directory(id);
  if (::mkdir(directory.c_str(), 0755) != 0) {
    return errno_error(fmt::format("can't make '{}'", directory));
  }
  container::Mount mount;
  mount.destination = kPlace;
  mount.type = "bind";
  mount.source = directory;
  BOTHY_TRY(mount.options,
            container::parse_mount_options({"bind", "ro", "nosuid", "nodev", "noexec"}));
  spec.mounts.push_back(std::move(mount));
  std::vector<std::string>& environment = spec.process->environment;
  std::erase_if(environment, [](const auto& each) { return each.starts_with(kVariable); });
  environment.push_back(fmt::format("{}{}/{}", kVariable, kPlace, kName));
  return success();
}

Result<std::optional<NotifySocket>> NotifySocket::bind(const Records& records,
                                                       const std::string& id) {
  const std::string directory = records.notify_directory(id);
  if (!is_wanted() || !exists(directory)) {
    return std::optional<NotifySocket>();
  }
  const std::string path = directory + "/" + kName;
  BOTHY_TRY(NamedSocket made, NamedSocket::make(path, SOCK_DGRAM));
  // Any user of the container may write to it.
  if (::bind(made.socket.get(), made.generic(), sizeof(made.address)) != 0 ||
      ::chmod(made.address.sun_path, 0777) != 0) {
    return errno_error(fmt::format("can't make the socket '{}'", path));
  }
  return std::optional(NotifySocket(std::move(made.socket)));
}

bool NotifySocket::receive(pid_t pid) const {
  std::array<char, kMaxMessage> message{};
  const ssize_t size = ::recv(socket_.get(), message.data(), message.size(), MSG_DONTWAIT);
  if (size <= 0 || !has_ready_line({message.data(), static_cast<std::size_t>(size)})) {
    return false;
  }
  if (const auto told = tell_manager(pid); !told) {
    log(LogLevel::kWarning, "{}", told.error().context);
  }
  return true;
}

void NotifySocket::wait(const Record& record) const {
  const auto process = open_process(record);
  if (!process) {
    return;
  }
  std::array<pollfd, 2> ready{{{socket_.get(), POLLIN, 0}, {process.value().get(), POLLIN, 0}}};
  for (;;) {
    static_cast<void>(::poll(ready.data(), ready.size(), -1));
    if (ready[0].revents != 0 ? receive(record.pid) : ready[1].revents != 0) {
      return;
    }
  }
}

}  // namespace bothy::oci
