#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace bothy {

ErrorCode code_from_errno(int error_number) noexcept {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermission;
    case ENOSYS:
    case EOPNOTSUPP:
    case ENOTTY:
      return ErrorCode::kUnsupported;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
      return ErrorCode::kExhausted;
    case EBUSY:
    case EAGAIN:
    case ETXTBSY:
      return ErrorCode::kBusy;
    case EINVAL:
      return ErrorCode::kInvalid;
    default:
      return ErrorCode::kSystem;
  }
}

Error errno_error(std::string what) {
  return errno_error(std::move(what), errno);
}

Error errno_error(std::string what, int error_number) {
  return Error{code_from_errno(error_number),
               std::move(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace bothy
