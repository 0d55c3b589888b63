// KVM's own counts of a running machine, whatever its monitor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace bothy::bench {

// The statistics of the processes' machines, by KVM's names ("exits", "io_exits", "halt_exits"),
// added up. From debugfs, whose kvm/PID-FD directories have those of each machine: the binary
// statistics (KVM_GET_STATS_FD) are for the monitor itself, as KVM refuses other address spaces.
// kNotFound where no process has a machine there, with the remedy where debugfs isn't mounted.
[[nodiscard]] Result<std::map<std::string, std::uint64_t>> kvm_statistics(
    const std::vector<pid_t>& processes);

}  // namespace bothy::bench
