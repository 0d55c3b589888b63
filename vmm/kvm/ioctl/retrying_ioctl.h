// ioctl() for setting up KVM, which fails with EINTR when a signal arrives at an unfortunate
// moment; nothing has been changed then.
#pragma once

#include <sys/ioctl.h>

#include <cerrno>

namespace bothy {

template <class Argument>
int retrying_ioctl(int fd, unsigned long request, Argument argument) noexcept {
  int result = 0;
  do {
    result = ::ioctl(fd, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace bothy
