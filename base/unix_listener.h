// UnixListener: a listening unix socket and its file.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// Move-only. The socket's file has mode 0600 and is removed with this object.
class UnixListener {
 public:
  // Replaces a socket file on which no process listens. kBusy when one does; kInvalid for another
  // type of file, or a path that is too long. `what`, a flag, prefixes the errors. The socket is
  // non-blocking and close-on-exec.
  [[nodiscard]] static Result<UnixListener> bind(const std::string& what, const std::string& path);
  UnixListener(UnixListener&& other) noexcept
      : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  UnixListener& operator=(UnixListener&& other) noexcept;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  ~UnixListener() { remove(); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // The next client, non-blocking and close-on-exec; empty, with errno set, when no client waits
  // (EAGAIN) or accept(2) fails.
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
