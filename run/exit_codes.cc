#include "run/exit_codes.h"

#include <cerrno>

namespace bothy::run {

int code_of_failed_start(int error_number) noexcept {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return kNotFound;
    // Failures of what comes before execve(): no memory, no such user, too many processes.
    case EAGAIN:
    case EEXIST:
    case EINVAL:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EPROTO:
      return kOwnFailure;
    default:
      return kCantRun;
  }
}

}  // namespace bothy::run
