// PlatformDevices: the devices that every x86_64 machine has, wired to its ports and interrupts.
#pragma once

#include <memory>

#include "base/result.h"
#include "devices/bus.h"
#include "devices/character.h"
#include "devices/guest_events.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

// Owns the devices; what it was built with outlives it.
class PlatformDevices {
 public:
  PlatformDevices() = default;
  PlatformDevices(const PlatformDevices&) = delete;
  PlatformDevices& operator=(const PlatformDevices&) = delete;
  virtual ~PlatformDevices() = default;

  // Adds every device to `ports` and binds its interrupts.
  [[nodiscard]] static Result<std::unique_ptr<PlatformDevices>> create(const MachineConfig& config,
                                                                       Vm& vm, Bus& ports,
                                                                       GuestEvents& events,
                                                                       CharacterSink& serial_sink);

  // Null without a serial port.
  [[nodiscard]] virtual CharacterReceiver* serial_receiver() noexcept = 0;
};

}  // namespace bothy
