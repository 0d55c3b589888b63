// Exit statuses of bothy, one place for all. docs/boot.md tells users the same.
#pragma once

#include "base/result.h"

namespace bothy::exit_status {

inline constexpr int kSuccess = 0;
// bothy boot: how a guest ended that didn't power off or reboot.
inline constexpr int kPanicked = 120;
inline constexpr int kTripleFault = 121;
inline constexpr int kVcpuFailed =
    122;  // KVM couldn't go on: an instruction it can't emulate, an entry failure
inline constexpr int kTimedOut = 124;  // as timeout(1)
// As Docker uses them.
inline constexpr int kOwnFailure =
    125;  // bad flags, no KVM, no memory: bothy's own, before anything ran
inline constexpr int kUnusable = 126;    // the kernel or initrd is there and can't be used
inline constexpr int kNotFound = 127;    // the kernel or initrd isn't there
inline constexpr int kSignalBase = 128;  // ended by a signal: this plus its number

[[nodiscard]] constexpr int from_error(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kBadImage:
      return kUnusable;
    default:
      return kOwnFailure;
  }
}

}  // namespace bothy::exit_status
