// The listener of a container's seccomp filter, handed to the program that decides about the
// filter's system calls (runtime-spec, config-linux.md, The Container Process State).
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/seccomp.h"
#include "oci/record.h"

namespace bothy::oci {

// Sends the listener's descriptor with the state of the process `pid` to the socket at
// `where.path`, and lets the process go on, which reports to the socket `reports`.
[[nodiscard]] Result<void> hand_over_listener(const container::SeccompListener& where,
                                              const Record& record, Status status, pid_t pid,
                                              const UniqueFd& listener, int reports);

}  // namespace bothy::oci
