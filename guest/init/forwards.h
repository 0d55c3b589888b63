// Connections of the host to ports of the guest's loopback addresses.
#pragma once

#include <stdint.h>

#include "guest/init/text.h"

namespace bothy::init {

// Handles a CONNECT frame.
void start_forward(uint32_t number, Text content);

}  // namespace bothy::init
