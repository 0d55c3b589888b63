// ConsolePlan: which devices a machine's console takes, and what its kernel is told.
#pragma once

#include <string_view>

#include "devices/host/console/config.h"
#include "vmm/boot/boot.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

// A text that the kernel's virtio console driver brings with it: the name that it registers its
// devices under. A kernel that has the driver as a module doesn't hold it.
inline constexpr std::string_view kConsoleDriverText = "virtio-portsdev";

struct ConsolePlan {
  // What follows from whether the kernel has the virtio console's driver built in.
  struct Choice {
    ConsoleKind kind = ConsoleKind::kOff;  // the guest's console
    boot::KernelDependentWords::Words words;
    friend bool operator==(const Choice&, const Choice&) = default;
  };

  bool serial = false;  // there is a 16550
  bool virtio = false;  // there is a virtio console
  Choice with_driver;
  Choice without_driver;
  friend bool operator==(const ConsolePlan&, const ConsolePlan&) = default;
};

// A `console=` of the user's own, the last one, decides over ConsoleKind::kAuto, and leaves every
// word to the user. Without ACPI kAuto is serial.
[[nodiscard]] ConsolePlan plan_console(const MachineConfig& config);

}  // namespace bothy
