// The kernel's tables of TCP sockets (/proc/net/tcp and tcp6).
#pragma once

#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// Adds the ports of the sockets that listen on any or the loopback address, as far as there is
// room. A last line that isn't whole is left out.
void add_listening(Text table, agent::Ports& ports);

bool same_ports(const agent::Ports& one, const agent::Ports& other);

}  // namespace bothy::init
