// Requests to rtnetlink(7), made by the host.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Applies the value of a kNetlink record. Ends the guest on an error.
void ask_netlink(Text value);

}  // namespace bothy::init
