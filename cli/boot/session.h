// One `bothy boot` from its options to its exit status.
#pragma once

#include "cli/boot/options.h"

namespace bothy {

// Runs guests until one ends without a restart, reports on stderr an end that isn't a plain
// power-off or reboot, and returns the exit status (exit_status.h). Handles the process's signals
// meanwhile. `options` have been validated. Called once, from the main thread.
[[nodiscard]] int run_boot(const BootOptions& options);

}  // namespace bothy
