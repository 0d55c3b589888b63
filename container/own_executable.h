// This program's executable, protected from containers that have the ids of its owner.
#pragma once

#include "base/result.h"

namespace bothy::container {

// Where a container with this process's ids could write the file of this program: executes it
// again, once, so that a container which opens /proc/PID/exe of a process of bothy can't write to
// it (CVE-2019-5736): as root from a read-only mount that nothing but this process has, as an
// ordinary user from a sealed copy in memory. Returns when this is so, or not needed: on a
// read-only file system, or when the file isn't the user's. Before any thread starts.
[[nodiscard]] Result<void> protect_own_executable();

}  // namespace bothy::container
