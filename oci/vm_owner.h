// The owner of a container that is a microVM: the container's process on the host, in its cgroup
// and network namespace. Its standard streams are the workload's, signals to it go to the workload,
// and it ends with the workload's exit code, the microVM ending with it.
#pragma once

#include <string>

#include "oci/record.h"

namespace bothy::oci {

// Descriptor on which the owner reports that the workload runs, or why it doesn't
// (container/stage/plan_format.h, Report).
inline constexpr int kOwnerReport = 3;

// Runs the microVM of a container in the calling process, whose only thread this is, from its start
// to its end. Gives the exit code.
[[nodiscard]] int own_vm(const Records& records, const std::string& id);

}  // namespace bothy::oci
