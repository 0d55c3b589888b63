#include "base/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bothy {
namespace {

constexpr int kBacklog = 1024;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != std::string::npos) {
    return make_error(ErrorCode::kInvalid, "invalid socket path '{}': expected 1 to {} bytes", path,
                      sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Removes a socket file on which no process listens any more.
Result<void> clear(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return success();  // bind(2) reports what is wrong, if anything
  }
  if (!S_ISSOCK(status.st_mode)) {
    return make_error(ErrorCode::kInvalid, "'{}' exists and is not a socket", path);
  }
  BOTHY_TRY(const sockaddr_un address, address_of(path));
  // Non-blocking: EAGAIN means a full backlog, so the socket is in use.
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), generic(address), sizeof(address)) == 0 || errno == EAGAIN) {
    return make_error(ErrorCode::kBusy, "'{}' is in use: another process listens on it", path);
  }
  if (errno != ECONNREFUSED) {
    return errno_error(fmt::format("can't find out whether a process listens on '{}'", path));
  }
  ::unlinkat(AT_FDCWD, path.c_str(), 0);
  return success();
}

Result<UniqueFd> listen_at(const std::string& path) {
  BOTHY_TRY(const sockaddr_un address, address_of(path));
  BOTHY_TRY(clear(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // bind(2) gives the file the mode of the socket's inode, so no other user can connect at any
  // moment.
  if (!fd || ::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(fd.get(), generic(address), sizeof(address)) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return errno_error(fmt::format("can't listen on '{}'", path));
  }
  return fd;
}

}  // namespace

Result<UnixListener> UnixListener::bind(const std::string& what, const std::string& path) {
  auto fd = listen_at(path);
  if (!fd) {
    return make_error(fd.error().code, "{}: {}", what, fd.error().context);
  }
  return UnixListener(std::move(fd).value(), path);
}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  if (this != &other) {
    remove();
    fd_ = std::move(other.fd_);
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

UniqueFd UnixListener::accept() const noexcept {
  return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

void UnixListener::remove() noexcept {
  if (fd_ && !path_.empty()) {
    ::unlinkat(AT_FDCWD, path_.c_str(), 0);
  }
}

Result<UniqueFd> connect_unix(const std::string& path) {
  BOTHY_TRY(const sockaddr_un address, address_of(path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), generic(address), sizeof(address)) != 0) {
    return errno_error(fmt::format("can't connect to '{}'", path));
  }
  return fd;
}

}  // namespace bothy
