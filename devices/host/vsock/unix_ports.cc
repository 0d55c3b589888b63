#include "devices/host/vsock/unix_ports.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <utility>

namespace bothy {
namespace {

constexpr std::size_t kMaxPortLength = sizeof("_4294967295") - 1;
constexpr std::size_t kMaxPathLength = sizeof(sockaddr_un::sun_path) - 1 - kMaxPortLength;

}  // namespace

Result<UnixPorts> UnixPorts::listen(const std::string& what, const std::string& path) {
  if (path.size() > kMaxPathLength) {
    return make_error(
        ErrorCode::kInvalid,
        "{}: invalid socket path of {} bytes: expected at most {}, since port numbers "
        "are appended",
        what, path.size(), kMaxPathLength);
  }
  BOTHY_TRY(UnixListener listener, UnixListener::bind(what, path));
  return UnixPorts(std::move(listener));
}

UniqueFd UnixPorts::accept(int& error) const noexcept {
  UniqueFd fd;
  do {
    fd = listener_.accept();
    error = fd ? 0 : errno;
  } while (error == EINTR || error == ECONNABORTED);
  return fd;
}

UniqueFd UnixPorts::connect(std::uint32_t port, int& error) const noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(address.sun_path, sizeof(address.sun_path) - 1, "{}_{}", listener_.path(), port);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address))) {
    error = errno;
    return {};
  }
  error = 0;
  return fd;
}

}  // namespace bothy
