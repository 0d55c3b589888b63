// What the sandbox of an instance's owner leaves open.
#pragma once

#include "run/instance.h"
#include "run/instances.h"
#include "sandbox/confinement.h"

namespace bothy::run {

// The instance's own directories; and, for the removal of the instance at its end, its places in
// the directories of all instances and of their names.
[[nodiscard]] sandbox::Policy owner_policy(sandbox::Role role, const Instances& instances,
                                           const Instance& instance);

}  // namespace bothy::run
