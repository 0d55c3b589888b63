// What the control socket of `bothy boot` offers.
#pragma once

#include "vmm/control/control_server.h"
#include "vmm/machine/machine.h"

namespace bothy {

// The machine outlives the commands, which run on its owner's thread.
[[nodiscard]] ControlCommands machine_commands(Machine& machine);

}  // namespace bothy
