// The time from the first process's start to power-off.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

// Makes the loop, which is deaf until serve(). Once.
void serve_open(const Config& config);
// The host's frames are taken from control. Ends the guest when nobody listens there.
void serve_host();

// Until process 0 is over, or the host wants it, or the host is gone; ends in power-off.
[[noreturn]] void serve();

}  // namespace bothy::init
