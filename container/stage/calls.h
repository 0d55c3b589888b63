// The calls of a plan. Part of the stage, a program without a C++ library.
#pragma once

#include "container/stage/plan_format.h"

namespace bothy::container {

// Makes the calls in this process, which a command that is executed ends. nullptr, or the call that
// failed, with errno set. A plan's command is executed at most once.
[[nodiscard]] const Call* make_calls(PlanHeader& plan, const PlanList& calls) noexcept;

// Sends the failure, with errno, to the plan's socket.
void report_failure(const PlanHeader& plan, const Call& failed) noexcept;

}  // namespace bothy::container
