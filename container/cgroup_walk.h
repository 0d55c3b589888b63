// Cgroups below a cgroup, as a container made them: any number, any depth, any names.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace bothy::container {

inline constexpr std::size_t kMaxCgroups = 65536;

// Calls `visit` with the open directory of the cgroup and of each below it. One descriptor,
// whatever the depth. kExhausted when there are more than kMaxCgroups. Cgroups that go away
// meanwhile are left out.
[[nodiscard]] Result<void> for_each_cgroup(int top, const std::string& path,
                                           const std::function<void(int)>& visit);

// Removes the cgroup and all below it; one that doesn't exist is no error. Waits two seconds for
// processes that are ending, and takes a minute at most, however many cgroups there are; kBusy when
// some stay.
[[nodiscard]] Result<void> remove_cgroup(const std::string& path);

}  // namespace bothy::container
