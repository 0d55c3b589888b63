// The filters that the threads of a running process have installed, read from the kernel.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/isolation/filter.h"

namespace bothy::bench {

struct ThreadFilters {
  std::string name;  // /proc/PID/task/TID/comm
  std::vector<Filter> filters;
};

// PTRACE_SECCOMP_GET_FILTER (ptrace(2)) of each thread, which is stopped for a moment. Takes
// CAP_SYS_ADMIN, a kernel with CONFIG_CHECKPOINT_RESTORE, and that this process has no filter
// itself: kPermission or kUnsupported otherwise. Called while nothing else waits for children.
[[nodiscard]] Result<std::vector<ThreadFilters>> installed_filters(pid_t process);

// How many system calls of an architecture get to the kernel, of those that libseccomp knows.
struct Reachable {
  std::string architecture;  // "x86_64", "i386", "x32"
  std::size_t always = 0;
  std::size_t sometimes = 0;
  std::size_t known = 0;
};
[[nodiscard]] std::vector<Reachable> reachable(const std::vector<Filter>& filters);

}  // namespace bothy::bench
