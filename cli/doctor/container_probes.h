// What containers, and the monitor's own confinement, need of the host. As in microvm_probes.h,
// judge_*() touch nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/doctor/finding.h"

namespace bothy::doctor {

// How far a process came that made itself a user namespace.
enum class NamespaceStep { kCreate, kMap, kUse, kDone, kUnknown };
[[nodiscard]] Finding judge_user_namespaces(NamespaceStep failed_at, int error);

struct CgroupFacts {
  std::string v2_mount;  // empty: cgroup v2 isn't mounted
  std::vector<std::string> v1_controllers;
  std::vector<std::string> v2_controllers;  // that our own cgroup may hand out
  bool writable = false;                    // our own cgroup may get children
};
// From /proc/mounts: where cgroup v2 is, and which controllers v1 holds.
[[nodiscard]] CgroupFacts parse_cgroup_mounts(std::string_view mounts);
// The path of the v2 cgroup in /proc/self/cgroup ("0::/path"); empty when there is none.
[[nodiscard]] std::string own_cgroup(std::string_view self_cgroup);
[[nodiscard]] Finding judge_cgroups(const CgroupFacts& facts);

// What landlock_create_ruleset() says: a version, or a negative errno value.
[[nodiscard]] Finding judge_landlock(long abi);
// The errno value of asking whether filters may end a process; 0 when they may.
[[nodiscard]] Finding judge_seccomp(int error);

enum class FilesystemState { kThere, kLoadable, kAbsent };
// `filesystems` is /proc/filesystems; `modules` the kernel's modules.dep.
[[nodiscard]] FilesystemState find_filesystem(std::string_view name, std::string_view filesystems,
                                              std::string_view modules);
[[nodiscard]] Finding judge_filesystem(std::string_view name, FilesystemState state,
                                       std::string_view without);

[[nodiscard]] Findings probe_containers();

}  // namespace bothy::doctor
