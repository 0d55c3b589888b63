// Hooks of a config.json (runtime-spec, config.md, POSIX-platform Hooks). This process runs those
// of the runtime's namespaces; those of the container's are run by the container's process, which
// asks for their input and output and reports their ends (container/launcher.h).
#pragma once

#include "base/result.h"
#include "container/launcher.h"
#include "container/spec.h"
#include "oci/record.h"

namespace bothy::oci {

// Waits until the process of a new container runs or has failed; until then runs its hooks, and
// hands over the listener of its seccomp filter. A hook that fails, or doesn't end within its
// timeout, is an error with the end of its output: the process is the caller's to end. `record` has
// the process's pid.
[[nodiscard]] Result<container::LaunchReport> wait_with_hooks(container::Launching& process,
                                                              const container::Hooks& hooks,
                                                              const Record& record);

// The same for a process that waited, by a connection to its start socket.
[[nodiscard]] Result<container::LaunchReport> receive_start_with_hooks(int socket,
                                                                       const Record& record);

// The hooks of a container that runs, and of one that has been deleted: a failure is logged, and
// the next hook runs (runtime-spec, runtime.md, Lifecycle).
void run_poststart(const Record& record);
void run_poststop(const Record& record);

}  // namespace bothy::oci
