// How the guest ends, or what it does to its monitor first: chosen by testinit.action= on the
// kernel command line.
#pragma once

#include "text.h"

namespace testinit {

[[noreturn]] void act(Text action, Text command_line);

// Writes and reads all I/O ports but those that end the machine, then physical addresses where
// nothing is.
void abuse_machine(Text command_line);

// Asks for as many MiB of memory, writes every page, reads them all back, and says whether they
// held.
void touch_memory(unsigned long mib);

}  // namespace testinit
