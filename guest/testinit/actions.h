// The actions of testinit.action= on the kernel command line.
#pragma once

#include "text.h"

namespace testinit {

[[noreturn]] void act(Text action, Text command_line);

// Writes and reads all I/O ports except those that end the machine, then unused physical addresses.
void abuse_machine(Text command_line);

// Allocates so many MiB of memory, writes every page, reads all of them back, and prints whether
// they kept their content.
void touch_memory(unsigned long mib);

}  // namespace testinit
