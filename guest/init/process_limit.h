// The limit on processes and threads (--pids-limit): a control group with the pids controller.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Makes the group, from the value of a kProcessLimit record. Ends the guest on an error. Requires
// /sys/fs/cgroup.
void limit_processes(Text value);

// Moves the calling process into the group, if there is one; false with errno set: EAGAIN when it
// is full. System calls only, for a child that shares init's memory.
bool join_process_limit();

}  // namespace bothy::init
