// ConsolePlan: the devices of a machine's console, and the kernel parameters that go with them.
#pragma once

#include <vector>

#include "devices/host/console/config.h"
#include "vmm/boot/boot.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

// Texts in the image of every kernel that can print to a virtio console by itself: one of the
// console's driver and one of its transport's. A kernel that has either driver as a module lacks a
// text (Debian 13's have the console's built in, and the transport's as a module).
[[nodiscard]] std::vector<std::string_view> virtio_console_texts();

struct ConsolePlan {
  // Depends on whether the kernel has the drivers of virtio_console_texts() built in.
  struct Choice {
    ConsoleKind kind = ConsoleKind::kOff;  // the guest's console
    boot::KernelDependentParameters::Parameters parameters;
    friend bool operator==(const Choice&, const Choice&) = default;
  };

  bool serial = false;  // the machine has a serial port
  bool virtio = false;  // the machine has a virtio console
  Choice with_drivers;
  Choice without_drivers;
  friend bool operator==(const ConsolePlan&, const ConsolePlan&) = default;
};

// The last `console=` of the user's command line decides what ConsoleKind::kAuto means; no console
// parameters are added then. Without ACPI kAuto is serial.
[[nodiscard]] ConsolePlan plan_console(const MachineConfig& config);

}  // namespace bothy
