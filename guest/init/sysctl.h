// Settings of the guest's kernel (sysctl(8)).
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Applies the value of a kSysctl record, in /proc. Ends the guest on an error.
void set_sysctl(Text value);

}  // namespace bothy::init
