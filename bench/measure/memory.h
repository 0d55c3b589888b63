// Memory of processes and control groups.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace bothy::bench {

// The sum of the proportional set sizes (proc(5), smaps_rollup), in bytes. Processes that have
// ended count for nothing.
[[nodiscard]] std::uint64_t pss_of(const std::vector<pid_t>& processes);

// What of that is guests' memory, in processes that have a virtual machine. Guest memory is the
// mapping of at least half of its `size`, and with it the mappings of the same file; nothing else
// in a monitor is that large.
[[nodiscard]] std::uint64_t guest_pss_of(const std::vector<pid_t>& processes, std::uint64_t size);
// The same for the text of one process's smaps.
[[nodiscard]] std::uint64_t guest_pss_in(std::string_view smaps, std::uint64_t size);

// The sum of memory.current of the processes' control groups, each counted once, but for the one
// that this process is in. Nothing without cgroup v2 and its memory controller.
[[nodiscard]] std::optional<std::uint64_t> cgroup_memory_of(const std::vector<pid_t>& processes);

// Whether the process has a virtual machine open: it is a monitor.
[[nodiscard]] bool has_machine(pid_t pid);

// Frees the page cache and caches of inodes, as root: false where that is refused.
bool drop_caches();

}  // namespace bothy::bench
