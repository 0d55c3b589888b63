// UnixListener: a listening unix socket with a path of its own.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Move-only. The socket file is its creator's alone (mode 0600), and goes with this object.
class UnixListener {
 public:
  // A socket that nobody listens on any more is replaced; one in use is kBusy, another kind of file
  // or too long a path kInvalid. `what` begins the errors: a flag's name. Non-blocking and
  // close-on-exec.
  [[nodiscard]] static Result<UnixListener> bind(const std::string& what, const std::string& path);
  UnixListener(UnixListener&& other) noexcept
      : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  UnixListener& operator=(UnixListener&& other) noexcept;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener() { remove(); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The next client, non-blocking and close-on-exec; empty when none waits, or none can be taken.
  [[nodiscard]] UniqueFd accept() const noexcept;

 private:
  UnixListener(UniqueFd fd, std::string path) noexcept
      : fd_(std::move(fd)), path_(std::move(path)) {}
  void remove() noexcept;

  UniqueFd fd_;
  std::string path_;
};

// Connects to a listening unix socket: blocking, close-on-exec.
[[nodiscard]] Result<UniqueFd> connect_unix(const std::string& path);

}  // namespace bothy
