// What containers, and the confinement of bothy itself, need of the host. As in microvm_probes.h,
// judge_*() are pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/doctor/finding.h"

namespace bothy::doctor {

// The step at which creating and using a user namespace failed.
enum class NamespaceStep { kCreate, kMap, kUse, kDone, kUnknown };
[[nodiscard]] Finding judge_user_namespaces(NamespaceStep failed_at, int error);

struct CgroupFacts {
  std::string v2_mount;  // empty: cgroup v2 isn't mounted
  std::vector<std::string> v1_controllers;
  std::vector<std::string> v2_controllers;  // available to children of this process's cgroup
  bool writable = false;                    // this process may create children of its cgroup
};
// From /proc/mounts: where cgroup v2 is mounted, and the controllers of version 1.
[[nodiscard]] CgroupFacts parse_cgroup_mounts(std::string_view mounts);
// The path of the v2 cgroup in /proc/self/cgroup ("0::/path"), or empty.
[[nodiscard]] std::string own_cgroup(std::string_view self_cgroup);
[[nodiscard]] Finding judge_cgroups(const CgroupFacts& facts);

// `abi`: the result of landlock_create_ruleset(2), a version or a negative errno value.
[[nodiscard]] Finding judge_landlock(long abi);
// `error`: the errno value of seccomp(2) asked for SECCOMP_RET_KILL_PROCESS; 0 when it is
// available.
[[nodiscard]] Finding judge_seccomp(int error);

enum class FilesystemState { kThere, kLoadable, kAbsent };
// `filesystems` is /proc/filesystems; `modules` the kernel's modules.dep.
[[nodiscard]] FilesystemState find_filesystem(std::string_view name, std::string_view filesystems,
                                              std::string_view modules);
[[nodiscard]] Finding judge_filesystem(std::string_view name, FilesystemState state,
                                       std::string_view without);

[[nodiscard]] Findings probe_containers();

}  // namespace bothy::doctor
