// The owner of a container's cgroup in v2: a container that may write to its cgroup tree, as one
// with systemd in it does, makes cgroups in its own (runtime-spec, config-linux.md, Cgroup
// ownership).
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.h"
#include "container/spec.h"

namespace bothy::container {

// Ids of the host.
struct CgroupOwner {
  uid_t user = 0;
  gid_t group = 0;

  bool operator==(const CgroupOwner&) const noexcept = default;
};

// The user who runs the container's process. Nothing where the cgroup stays its maker's: the
// container has no cgroup namespace of its own, no writable mount of the tree, or is the maker's.
[[nodiscard]] std::optional<CgroupOwner> cgroup_owner(const OciSpec& spec);

// Gives the directory and those of its files that the kernel lists as safe to hand on
// (cgroups(7), Cgroups delegation); the files with the limits stay. The group as well: the kernel
// gives root of a user namespace no right to files whose group isn't in it, and the container's
// process is cloned into the cgroup by such. `directory`: of v2. A user who may not give it keeps
// it: no error.
[[nodiscard]] Result<void> give_cgroup(int directory, const CgroupOwner& owner);

}  // namespace bothy::container
