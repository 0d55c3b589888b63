// Starts programs.
#pragma once

#include <sys/types.h>

#include "guest/init/config.h"

namespace bothy::init {

// Why a program did not start.
struct Failure {
  int error = 0;  // errno
  Line message;   // with the system's reason
};

// Descriptors that become 0, 1 and 2 of a program. With a terminal all three are the same, and it
// becomes the controlling terminal.
struct Standard {
  int fds[3];
};

// Returns the pid, or -1 and the failure, once the program runs or has failed to.
pid_t launch(ProcessSpec& spec, const Standard& standard, Failure& failure);

}  // namespace bothy::init
