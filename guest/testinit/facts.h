// Facts about the machine, one line each, in a stable format that tests parse.
#pragma once

#include "text.h"

namespace testinit {

// A line for people.
void print_hello();
// cpus, memory_kib, clocksource, wallclock, uptime_ms, topology and cmdline. uptime_ms is the time
// when init started.
void print_facts(Text command_line, __kernel_timespec started);

}  // namespace testinit
