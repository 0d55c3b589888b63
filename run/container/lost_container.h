// What is left of a container whose owner was killed: its cgroup, and processes in it that changed
// their parent-death signal.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "run/instance.h"

namespace bothy::run {

// Of an instance's cgroup, for container::Cgroup::create().
[[nodiscard]] std::string cgroup_name(const Instance& instance);

// Writes where the cgroup is to the instance's directory.
[[nodiscard]] Result<void> remember_cgroup(const Instance& instance,
                                           const std::vector<std::string>& paths);

// Kills what runs in the cgroup of an instance without an owner, and removes it. An instance that
// has none is no error.
[[nodiscard]] Result<void> sweep_lost_container(const Instance& instance);

}  // namespace bothy::run
