// What the guest sees of its machine, one stable line each: tests parse them.
#pragma once

#include "text.h"

namespace testinit {

// The friendly line, for people.
void print_hello();
// cpus, memory_kib, clocksource, wallclock, uptime_ms, topology and cmdline. The time is when init
// started.
void print_facts(Text command_line, __kernel_timespec started);

}  // namespace testinit
