#include "base/event_fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace bothy {

Result<EventFd> EventFd::create() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) {
    return errno_error("can't create an eventfd");
  }
  return EventFd(std::move(fd));
}

void EventFd::signal() const noexcept {
  const std::uint64_t one = 1;
  // The only failure is EAGAIN at the counter's maximum, where the reader finds it signalled
  // anyway.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof(one));
}

std::uint64_t EventFd::drain() const noexcept {
  std::uint64_t value = 0;
  const iovec buffer{&value, sizeof(value)};
  // A process that shares the eventfd, such as a compromised virtiofsd, can make it blocking.
  ssize_t got = ::preadv2(fd_.get(), &buffer, 1, -1, RWF_NOWAIT);
  if (got < 0 && errno == EOPNOTSUPP) {  // before Linux 5.9
    got = ::read(fd_.get(), &value, sizeof(value));
  }
  return got == sizeof(value) ? value : 0;
}

}  // namespace bothy
