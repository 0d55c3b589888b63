// Calls of a plan that make mounts and change them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "container/mount_options.h"
#include "container/plan.h"

namespace bothy::container {

// Whether `path` is right below `top`, which ends with "/".
[[nodiscard]] bool is_child(std::string_view path, std::string_view top);

// Adds mount_setattr(2) of `set` and `clear`, MOUNT_ATTR_*, and MS_SHARED or another propagation;
// nothing when all are 0.
void plan_attributes(ContainerPlan& plan, Slot mount, std::uint64_t set, std::uint64_t clear,
                     std::uint64_t propagation, bool recursive);

// Adds the calls that make a detached mount of a new file system.
[[nodiscard]] Slot plan_new_mount(ContainerPlan& plan, const std::string& type,
                                  const std::string& source, const MountOptions& options);

// Adds the calls that change the parameters of the file system that is mounted at `mount`.
void plan_reconfiguration(ContainerPlan& plan, Slot mount, const MountOptions& options);

}  // namespace bothy::container
