// The calls of a plan. Part of the stage, a program without a C++ library.
#pragma once

#include "container/stage/plan_format.h"

namespace bothy::container {

// Makes the calls in this process, which a command that is executed ends. nullptr, or the call that
// failed, with errno set. A plan's command is executed at most once.
[[nodiscard]] const Call* make_calls(PlanHeader& plan, const PlanList& calls) noexcept;

// fork(2). Not by clone3(2), whose flags a seccomp filter can't see, so that profiles deny it.
[[nodiscard]] long fork_process() noexcept;

// Sends a message to a socket of reports: with a text, and a descriptor unless that is -1. -1 with
// errno set, or more.
[[nodiscard]] long send_report(int socket, const Report& report, const char* text,
                               int descriptor) noexcept;

// Sends the failure, with errno, to the plan's socket.
void report_failure(const PlanHeader& plan, const Call& failed) noexcept;

}  // namespace bothy::container
