// The part of a plan that hides paths of a container, or makes them read-only (config-linux.md,
// Masked Paths and Readonly Paths).
#pragma once

#include <string>
#include <vector>

#include "container/plan.h"

namespace bothy::container {

// What the plan has mounted itself, from where paths below are reached.
struct OwnMounts {
  Slot root;
  Slot proc;  // on /proc; none: not a new one
  Slot sys;   // likewise on /sys
};

// Paths that don't exist are left out.
void plan_read_only_paths(ContainerPlan& plan, const std::vector<std::string>& paths,
                          const OwnMounts& own);
void plan_masks(ContainerPlan& plan, const std::vector<std::string>& paths, const OwnMounts& own);

}  // namespace bothy::container
