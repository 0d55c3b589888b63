// Machines that boot the same kernel as bothy's with the same disk, on which the probe is init:
// what their adapters have in common.
#pragma once

#include "bench/subjects/subject.h"

namespace bothy::bench {

// What the probe says at the end as PID 1 (bench/probe/guest.cc), with the status 0.
inline constexpr std::string_view kGuestSucceeded = "status 0";

// The erofs disk of the workspace's image, as bothy's microVMs have it; made when it isn't there.
[[nodiscard]] Result<void> make_guest_disk(const Bench& bench, const Workspace& workspace);
[[nodiscard]] std::string guest_disk(const Workspace& workspace);

// The kernel's command line: the disk as root, the probe as init, its arguments.
[[nodiscard]] std::string guest_command_line(std::string_view console, const ProbeCommand& probe);

// The version of an installed monitor, by what `PROGRAM FLAG` prints first.
[[nodiscard]] Result<std::string> monitor_version(const Bench& bench, const Workspace& workspace,
                                                  const char* program, const char* flag);

}  // namespace bothy::bench
