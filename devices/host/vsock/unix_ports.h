// UnixPorts: numbered ports as unix sockets of the host.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"

namespace bothy {

// A stream socket that listens at a path; and, by number, those that other programs have listening
// at that path followed by "_" and the number. All its sockets are non-blocking and close-on-exec.
// Belongs to one thread at a time.
class UnixPorts {
 public:
  // kInvalid also for a path that leaves no room for a number behind it. `what` begins the errors.
  [[nodiscard]] static Result<UnixPorts> listen(const std::string& what, const std::string& path);

  [[nodiscard]] int fd() const noexcept { return listener_.fd(); }

  // A program that has connected to the path. On failure `error` is set: EAGAIN when none waits.
  [[nodiscard]] UniqueFd accept(int& error) const noexcept;
  // The program that listens on a port. On failure `error` is set: EAGAIN when it has too many
  // clients waiting already.
  [[nodiscard]] UniqueFd connect(std::uint32_t port, int& error) const noexcept;

 private:
  explicit UnixPorts(UnixListener listener) noexcept : listener_(std::move(listener)) {}

  UnixListener listener_;
};

}  // namespace bothy
