// Processes of containers that are children of this program.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/launcher.h"
#include "oci/notify_socket.h"

namespace bothy::oci {

// Waits for the end of a process that is a child of this one, passes on signals to it and, with a
// terminal, what goes in and out of that. Gives the exit status, as a shell's. For one thread.
[[nodiscard]] Result<int> follow(const container::Launching& process, UniqueFd terminal,
                                 const NotifySocket* notify = nullptr);

// Kills a process that is a child of this one, and collects it; nothing for a negative descriptor.
void kill_child(int pidfd) noexcept;

}  // namespace bothy::oci
