// The part of a plan that runs hooks (runtime-spec, config.md, POSIX-platform Hooks): what the
// process reports is answered by oci/hooks.h.
#pragma once

#include "container/plan.h"
#include "container/spec.h"

namespace bothy::container {

// Adds what happens between the mounts and pivot_root(2): a pause for the hooks of the runtime, and
// the hooks createContainer. These are looked up in the host's files, as this process still sees
// them by their paths, with the container's root directory as their working directory.
void plan_hooks_before_pivot(ContainerPlan& plan, const Hooks& hooks, Slot root);

// Adds the hooks startContainer: files of the container, run as the user of its command.
void plan_hooks_of_start(ContainerPlan& plan, const Hooks& hooks);

}  // namespace bothy::container
