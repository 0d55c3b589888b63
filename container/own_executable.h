// This program's executable, protected from containers whose root is the host's.
#pragma once

#include "base/result.h"

namespace bothy::container {

// Where the file of this program could be written by root: executes it again, once, from a
// read-only mount that nothing but this process has, so that a container which opens /proc/PID/exe
// of a process of bothy can't write to it (CVE-2019-5736). Returns when this is so, or not needed:
// on a read-only file system, or for an ordinary user. `arguments` are main's. Before any thread
// starts.
[[nodiscard]] Result<void> protect_own_executable();

}  // namespace bothy::container
