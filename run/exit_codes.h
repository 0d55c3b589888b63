// Exit statuses of an instance that bothy decides on itself, as Docker uses them.
#pragma once

namespace bothy::run {

inline constexpr int kTimedOut = 124;    // as of timeout(1)
inline constexpr int kOwnFailure = 125;  // of bothy, or of what it needs
inline constexpr int kCantRun = 126;     // the command exists and can't be executed
inline constexpr int kNotFound = 127;    // the command doesn't exist
inline constexpr int kSignalBase = 128;  // plus the number of the signal that ended the process

// Of a process that didn't start, by the errno value of that.
[[nodiscard]] int code_of_failed_start(int error_number) noexcept;

}  // namespace bothy::run
