// use_core_scheduling(): the other hardware thread of a core never runs a stranger's code beside a
// guest's (--core-scheduling).
#pragma once

#include "base/result.h"

namespace bothy {

// Gives all threads of this process, and those that they start, a core scheduling cookie of the
// process's own (prctl(2), PR_SCHED_CORE): the kernel runs on a core's hardware threads at the same
// time threads of one cookie only, so that what threads of a core share, caches and predictors,
// tells a guest nothing about other processes and guests. kUnsupported, with the reason, on a host
// without simultaneous multithreading and for a kernel that can't.
[[nodiscard]] Result<void> use_core_scheduling();

// The error for an errno value of that call.
[[nodiscard]] Error core_scheduling_error(int error_number);

}  // namespace bothy
