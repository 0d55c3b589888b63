// UnixPorts: numbered ports as unix sockets of the host.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"

namespace bothy {

// A stream socket that listens at a path, and the sockets of other programs at that path with "_"
// and a port number appended. All sockets are non-blocking and close-on-exec. One thread at a time.
class UnixPorts {
 public:
  // kInvalid also for a path that is too long for a port number to be appended. `what`, a flag,
  // prefixes the errors.
  [[nodiscard]] static Result<UnixPorts> listen(const std::string& what, const std::string& path);

  [[nodiscard]] int fd() const noexcept { return listener_.fd(); }

  // The next program that has connected to the path. On failure `error` is set: EAGAIN when none
  // waits.
  [[nodiscard]] UniqueFd accept(int& error) const noexcept;
  // Connects to the program that listens on a port. On failure `error` is set: EAGAIN when its
  // backlog is full.
  [[nodiscard]] UniqueFd connect(std::uint32_t port, int& error) const noexcept;

 private:
  explicit UnixPorts(UnixListener listener) noexcept : listener_(std::move(listener)) {}

  UnixListener listener_;
};

}  // namespace bothy
