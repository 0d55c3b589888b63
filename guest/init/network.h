// Network interfaces, configured by the host, without DHCP.
#pragma once

#include "guest/init/config.h"

namespace bothy::init {

void raise_loopback();

// Applies the value of a kInterface record. Ends the guest on an error.
void set_up_interface(Text value);

}  // namespace bothy::init
