// Connections to the host.
#pragma once

#include <stdint.h>

#include "guest/protocol/agent.h"

namespace bothy::init {

// Whether the guest has a vsock device, as found by the first begin_connect().
enum class HostState { kUnknown, kThere, kNone };
HostState host_state();

// Starts a connection; returns a non-blocking descriptor, or -1 with errno set.
int begin_connect();

// Wait for the connection, and send the first frame of control or of a stream. False with errno set
// on an error.
bool finish_control(int fd);
bool finish_stream(int fd, uint32_t process, uint32_t stream, uint64_t token);

}  // namespace bothy::init
