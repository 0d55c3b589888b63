// Connections to the host.
#pragma once

#include <stdint.h>

#include "guest/protocol/agent.h"

namespace bothy::init {

// Whether there is a host that could be connected to, as the first begin_connect() found.
enum class HostState { kUnknown, kThere, kNone };
HostState host_state();

// A descriptor, non-blocking, whose connection is under way, or -1 with errno set.
int begin_connect();

// Waits until the connection stands and sends what makes it a stream of a process's, or control.
// False, with errno set, when it came to nothing.
bool finish_control(int fd);
bool finish_stream(int fd, uint32_t process, uint32_t stream, uint64_t token);

}  // namespace bothy::init
