// What a thread's violation of its filter gets: one line on stderr, and the end of the process.
#pragma once

#include "base/result.h"
#include "sandbox/filters.h"

namespace bothy::sandbox {

// The exit status: that which a shell reports for the end by SIGSYS, which it is where even the
// handler can't run.
inline constexpr int kViolationStatus = 159;

// Installs the handler of SIGSYS, which no thread may block.
[[nodiscard]] Result<void> install_violation_handler();

// Whose calls the calling thread may make, for the line. Before its filter is installed.
void note_role(Role role) noexcept;

}  // namespace bothy::sandbox
