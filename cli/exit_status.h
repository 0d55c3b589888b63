// Exit statuses of bothy, documented for users in docs/boot.md.
#pragma once

#include "base/result.h"

namespace bothy::exit_status {

inline constexpr int kSuccess = 0;
// bothy boot: the end of a guest that didn't power off or reboot.
inline constexpr int kPanicked = 120;
inline constexpr int kTripleFault = 121;
inline constexpr int kVcpuFailed =
    122;  // KVM can't run the vCPU: an instruction that it can't emulate, an entry failure
inline constexpr int kTimedOut = 124;  // as timeout(1)
// As Docker uses them.
inline constexpr int kOwnFailure =
    125;                               // of bothy itself, before the guest ran: flags, KVM, memory
inline constexpr int kUnusable = 126;  // the kernel or initrd exists and can't be used
inline constexpr int kNotFound = 127;  // the kernel or initrd doesn't exist
inline constexpr int kSignalBase = 128;  // ended by a signal: this plus its number

[[nodiscard]] constexpr int from_error(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kBadInput:
      return kUnusable;
    default:
      return kOwnFailure;
  }
}

}  // namespace bothy::exit_status
