// Copies of files between host and root, each by a process of its own: the loop goes on meanwhile.
#pragma once

#include <sys/types.h>

#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// For a COPY_IN or COPY_OUT frame: connects the stream and begins. COPIED answers the host, at once
// or when the copy is over.
void start_copy(agent::Type type, uint32_t number, Text content);

// For a LOOK frame: SEEN answers the host.
void look(uint32_t number, Text path);

// Tells the host if `pid` was a copy's process.
void copy_ended(pid_t pid, int status);

}  // namespace bothy::init
