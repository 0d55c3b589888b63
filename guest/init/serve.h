// Serves the guest from the first process's start to power-off.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

// Creates the loop, which handles events in serve() only. To be called once.
void serve_open(const Config& config);
// Handles the host's frames from now on. Ends the guest when the host can't be reached.
void serve_host();

// Runs until process 0 is over, or the host sends SHUTDOWN or hangs up; then powers off.
[[noreturn]] void serve();

}  // namespace bothy::init
