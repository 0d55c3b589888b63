#include "base/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <string>

#include "base/poll_timeout.h"

namespace bothy {
namespace {

using Clock = std::chrono::steady_clock;

bool wait_for_room(int fd, Clock::time_point deadline) noexcept {
  while (true) {
    pollfd room{fd, POLLOUT, 0};
    const int ready = ::poll(&room, 1, poll_timeout(deadline - Clock::now()));
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

}  // namespace

int LogOutput::Target::fd() const noexcept {
  return reopened ? reopened.get() : STDERR_FILENO;
}

// Unless it is kept, it is looked at for each line: stderr may have become another file.
LogOutput::Target LogOutput::open_target() noexcept {
  struct stat status {};
  if (::fstat(STDERR_FILENO, &status) != 0) {
    return {Method::kNone};
  }
  if (S_ISSOCK(status.st_mode)) {
    return {Method::kSocket};
  }
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) {
    return {Method::kPlain};
  }
  // A write would raise SIGPIPE.
  pollfd state{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&state, 1, 0) > 0 && (state.revents & POLLERR) != 0) {
    return {Method::kNone};
  }
  UniqueFd fd(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (fd) {
    return {Method::kReopened, std::move(fd)};
  }
  // Another user's pipe can't be reopened, nor anything without /proc.
  return {Method::kPolled};
}

std::size_t LogOutput::write_until(const Target& target, std::string_view text,
                                   Clock::time_point deadline) {
  std::size_t written = 0;
  while (written < text.size()) {
    const std::string_view rest = text.substr(written);
    ssize_t count = -1;
    if (target.method == Method::kSocket) {
      count = ::send(target.fd(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (target.method == Method::kPolled) {
      if (!wait_for_room(target.fd(), deadline)) {
        return written;
      }
      count = ::write(target.fd(), rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    } else if (target.method != Method::kNone) {
      count = ::write(target.fd(), rest.data(), rest.size());
    } else {
      return written;
    }
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN ? !wait_for_room(target.fd(), deadline) : errno != EINTR) {
      return written;
    }
  }
  return written;
}

void LogOutput::keep_target() noexcept {
  const std::lock_guard lock(mutex_);
  kept_ = open_target();
  // By the same calls as another file, so that threads need no more: a confined process has few.
  if (kept_->method == Method::kSocket) {
    kept_->method = Method::kPolled;
  }
}

void LogOutput::write(std::string_view text, std::chrono::milliseconds limit) noexcept {
  const std::lock_guard lock(mutex_);
  const Target opened = kept_ ? Target{} : open_target();
  const Target& target = kept_ ? *kept_ : opened;
  const auto deadline = Clock::now() + (lost_ > 0 ? std::chrono::milliseconds(0) : limit);
  std::string head = cut_ ? "\n" : "";
  if (lost_ > 0) {
    head +=
        "bothy: warning: " + std::to_string(lost_) + " log lines were lost: stderr was not read\n";
  }
  // In one write where it fits, so that lines of several processes don't mix.
  const std::string whole = head + std::string(text);
  const std::size_t written = write_until(target, whole, deadline);
  if (written == 0) {
    ++lost_;
    return;
  }
  cut_ = written < whole.size() && whole[written - 1] != '\n';
  lost_ = written < whole.size() ? 1 : 0;
}

}  // namespace bothy
