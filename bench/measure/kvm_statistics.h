// KVM's own counts of a running machine, whatever its monitor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace bothy::bench {

// The statistics of all vCPUs of the processes' machines, by KVM's names ("exits", "io_exits",
// "halt_exits"), added up. Reads each vCPU's binary statistics (Linux, virt/kvm/api, 4.131) through
// a copy of the monitor's descriptor, which takes the right to trace it. kNotFound where no process
// has a vCPU; kUnsupported on kernels without them.
[[nodiscard]] Result<std::map<std::string, std::uint64_t>> kvm_statistics(
    const std::vector<pid_t>& processes);

}  // namespace bothy::bench
