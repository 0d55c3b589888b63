// Copies of files between the host and the root, each by a forked process, so that the loop goes
// on.
#pragma once

#include <sys/types.h>

#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// Handles a COPY_IN or COPY_OUT frame: connects the stream and starts the copy. Sends COPIED, at
// once on an error, or at the end of the copy.
void start_copy(agent::Type type, uint32_t number, Text content);

// Handles a LOOK frame: sends SEEN.
void look(uint32_t number, Text path);

// Sends COPIED when `pid` was the process of a copy.
void copy_ended(pid_t pid, int status);

}  // namespace bothy::init
