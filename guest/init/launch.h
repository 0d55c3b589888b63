// Starts a program as a specification says.
#pragma once

#include <sys/types.h>

#include "guest/init/config.h"

namespace bothy::init {

// Why a program did not start.
struct Failure {
  int error = 0;  // errno
  Line message;   // with the system's reason
};

// What is 0, 1 and 2 of a program; with a terminal all three are its one descriptor, and it becomes
// the program's controlling terminal.
struct Standard {
  int fds[3];
};

// The pid, or -1. Returns once the program runs, or can't: nothing of init's is left in between.
pid_t launch(ProcessSpec& spec, const Standard& standard, Failure& failure);

}  // namespace bothy::init
