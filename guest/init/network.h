// Network interfaces, set up as the host says: it knows the network behind them, so nothing asks
// for a lease.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

void raise_loopback();

// The value of a kInterface. Ends the guest when it breaks the protocol or can't be done.
void set_up_interface(Text value);

}  // namespace bothy::init
