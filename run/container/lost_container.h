// What is left of a container whose owner was killed: its cgroup, and processes in it that changed
// their parent-death signal.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/cgroup.h"
#include "run/instance.h"

namespace bothy::run {

// Of an instance's cgroup, for container::Cgroup::create().
[[nodiscard]] std::string cgroup_name(const Instance& instance);

// Where root's cgroup of this name may be.
[[nodiscard]] std::vector<std::string> cgroup_places(const container::CgroupHost& host,
                                                     const std::string& name);
// Writes where the cgroup is to the instance's directory.
[[nodiscard]] Result<void> remember_cgroup(const Instance& instance,
                                           const std::vector<std::string>& paths);

// After the cgroup has been removed.
void forget_cgroup(const Instance& instance) noexcept;

// Kills the processes in the cgroup of an instance without an owner, and removes that. False: there
// was none.
[[nodiscard]] Result<bool> clear_lost_container(const Instance& instance);

}  // namespace bothy::run
