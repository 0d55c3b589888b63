// The stage between the clone and the command: the calls of a ContainerPlan.
//
//   parent -- clone3 --> process                    when no namespace is joined
//   parent -- clone --> joiner -- clone3 --> process  otherwise: joining a user or PID namespace is
//                                                   for a process's children. The process is the
//                                                   parent's child (CLONE_PARENT); the joiner ends.
#pragma once

#include <sys/types.h>

#include <span>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/plan.h"

namespace bothy::container {

struct Cloned {
  pid_t pid = -1;  // -1: the joiner failed, and has reported why
  UniqueFd pidfd;
};

// Makes the calls in this process. nullptr, or the call that failed, with errno set.
[[nodiscard]] const Call* make_calls(ContainerPlan& plan, std::span<const Call> calls) noexcept;

// Clones the process of `plan`. The calling process must have one thread.
[[nodiscard]] Result<Cloned> clone_process(ContainerPlan& plan);

}  // namespace bothy::container
