// The options of one `bothy boot`.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "sandbox/confinement.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

struct BootOptions {
  MachineConfig machine;
  std::optional<std::chrono::milliseconds> timeout;
  bool restart_on_reboot = false;
  bool boot_timer = false;
  bool json = false;
  bool dry_run = false;
  sandbox::Mode sandbox = sandbox::Mode::kOn;
  std::string control;  // path of the control socket; empty for none
};

}  // namespace bothy
