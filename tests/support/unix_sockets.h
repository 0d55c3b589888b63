// Unix sockets for tests, as clients and servers on the host use them.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace bothy::test {

// Aborts unless the condition holds. For code that is shared by unit tests and fuzz targets.
inline void must(bool condition) {
  if (!condition) {
    std::abort();
  }
}

inline sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Non-blocking. Empty if there is no listener.
inline UniqueFd unix_connect(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  const bool connected =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  return connected ? std::move(fd) : UniqueFd();
}

inline UniqueFd unix_listen(const std::string& path, int backlog = 16) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = unix_address(path);
  must(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  must(::listen(fd.get(), backlog) == 0);
  return fd;
}

inline UniqueFd unix_accept(const UniqueFd& listener) {
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

inline bool send_text(const UniqueFd& socket, std::string_view text) {
  return ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

// The bytes that can be read now, at most `max`. Nothing once the peer has closed.
inline std::optional<std::string> receive_text(const UniqueFd& socket,
                                               std::size_t max = 1U << 20U) {
  std::string text(max, '\0');
  const ssize_t count = ::recv(socket.get(), text.data(), text.size(), 0);
  if (count == 0 || (count < 0 && errno == ECONNRESET)) {
    return std::nullopt;
  }
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

}  // namespace bothy::test
