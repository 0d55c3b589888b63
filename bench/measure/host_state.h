// What instances may leave on a host.
#pragma once

#include <map>
#include <set>
#include <string>

namespace bothy::bench {

// By kind ("mounts", "cgroups", "namespaces", "loop devices", "interfaces", "files"), what is there
// now. Mounts are this process's own mount namespace's; files are those below `directory`.
using HostState = std::map<std::string, std::set<std::string>>;
[[nodiscard]] HostState host_state(const std::string& directory);

// What is in `after` and wasn't in `before`, by kind; kinds with nothing new are left out.
[[nodiscard]] HostState added(const HostState& before, const HostState& after);

}  // namespace bothy::bench
