// The part of a plan that enters the container's root directory.
#pragma once

#include "base/result.h"
#include "container/plan.h"

namespace bothy::container {

// Adds the calls that make the mount `root` the process's root and working directory:
// pivot_root(2), or, without `pivot`, chroot(2), for a host whose own root is on initramfs. Errors
// are those of reading the host's mounts.
[[nodiscard]] Result<void> plan_pivot(ContainerPlan& plan, Slot root, bool pivot);

}  // namespace bothy::container
