#include "vmm/base/event_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

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
  // The only failure is EAGAIN at the counter's limit, where the reader has a signal to find
  // anyway.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof(one));
}

std::uint64_t EventFd::drain() const noexcept {
  std::uint64_t value = 0;
  return ::read(fd_.get(), &value, sizeof(value)) == sizeof(value) ? value : 0;
}

}  // namespace bothy
