// What callers of the OCI runtime interface are told and sent by unix sockets, and what they hand
// on by descriptors.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/spec.h"

namespace bothy::oci {

// The socket that gets a process's terminal; empty when there is none to send. `attached`: this
// process can have the terminal instead. kInvalid for a socket without a terminal and the reverse.
[[nodiscard]] Result<UniqueFd> connect_console(const std::string& path, bool terminal,
                                               bool attached);

// Sends a descriptor of a process to the socket (--pidfd-socket).
[[nodiscard]] Result<void> send_pidfd(const std::string& path, int pidfd);

// Sockets that systemd has opened for this process (sd_listen_fds(3)) are for the container's: how
// many descriptors from 3 on it gets, and LISTEN_FDS and LISTEN_PID in its environment. `first`: it
// is process 1 where it runs.
[[nodiscard]] std::uint32_t pass_listen_fds(container::Process& process, std::uint32_t preserved,
                                            bool first);

}  // namespace bothy::oci
