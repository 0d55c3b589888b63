// Which namespaces of a process differ from this process's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "container/spec.h"

namespace bothy::container {

// CLONE_NEWUSER, or 0 when both processes are in one user namespace: to join one's own is an error
// (setns(2)).
[[nodiscard]] Result<std::uint64_t> user_namespace_to_join(pid_t pid);

struct NamespacesToJoin {
  std::uint64_t flags = 0;  // CLONE_NEW*, of all but the cgroup namespace
  bool cgroup = false;
};
// What is to be joined to be where `pid` is. `own`: those of its container's spec, which are joined
// without a look: each takes two system calls, of the slower ones of /proc.
[[nodiscard]] Result<NamespacesToJoin> namespaces_to_join(pid_t pid,
                                                          const std::vector<Namespace>& own);

}  // namespace bothy::container
