// How this guest ends.
#pragma once

#include "guest/init/text.h"

namespace bothy::init {

// Nothing is left to be done: off at once.
[[noreturn]] void power_off();

// The guest can't go on: says so on the console and to the host, if there is one, and powers off.
[[noreturn]] void fail(Text what, int error);
[[noreturn]] void fail(Text what);

}  // namespace bothy::init
