// The end of the guest.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Powers off at once.
[[noreturn]] void power_off();

// Prints a fatal error on the console, sends it to the host, if there is one, and powers off.
[[noreturn]] void fail(Text what, int error);
[[noreturn]] void fail(Text what);

}  // namespace bothy::init
