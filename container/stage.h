// How the process of a ContainerPlan is started: by the stage, a small program of its own
// (container/stage) that makes the plan's calls, the last of which executes the command.
//
//   parent -- clone3 --> process                       when no namespace is joined
//   parent -- clone3 --> joiner -- clone3 --> process  otherwise: joining a user or PID namespace
//                                                      is for a process's children. The process is
//                                                      the parent's child (CLONE_PARENT); the
//                                                      joiner ends.
//
// The process that the parent clones shares its memory, as after vfork(2), until it executes the
// stage. So nothing is copied, and no process of a container ever executes this program's file,
// which a container with this user's ids could write to by /proc/PID/exe (CVE-2019-5736). A joiner
// executes the stage outside of the namespaces, so that none of their processes may trace it.
#pragma once

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/plan.h"

namespace bothy::container {

struct Cloned {
  pid_t pid = -1;  // -1: the joiner failed, and has reported why
  UniqueFd pidfd;
};

// Clones the process of `plan`. The calling process must have one thread.
[[nodiscard]] Result<Cloned> clone_process(const ContainerPlan& plan);

}  // namespace bothy::container
