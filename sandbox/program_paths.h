// allow_programs(): what any program of the host needs to run at all.
#pragma once

#include "base/result.h"
#include "sandbox/landlock.h"

namespace bothy::sandbox {

// Reading and executing programs and libraries, reading /etc and /proc, null and random devices.
[[nodiscard]] Result<void> allow_programs(Landlock& landlock);

}  // namespace bothy::sandbox
