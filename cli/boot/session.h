// One `bothy boot` from its options to its exit status.
#pragma once

#include "cli/boot/options.h"

namespace bothy {

// Runs guests until one ends for good, says on stderr why where that isn't a plain power-off or
// reboot, and returns the exit status (exit_status.h). Takes the process's signals over while it
// runs. Called once, from the main thread.
[[nodiscard]] int run_boot(const BootOptions& options);

}  // namespace bothy
