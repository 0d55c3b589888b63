// PlatformDevices: the devices that every machine has, connected to its buses and interrupts.
#pragma once

#include <memory>

#include "base/result.h"
#include "devices/bus.h"
#include "devices/character.h"
#include "devices/guest_events.h"
#include "vmm/kvm/vm.h"

namespace bothy::arch {

// Owns the devices; its arguments outlive it.
class PlatformDevices {
 public:
  PlatformDevices() = default;
  PlatformDevices(const PlatformDevices&) = delete;
  PlatformDevices& operator=(const PlatformDevices&) = delete;
  virtual ~PlatformDevices() = default;

  // Adds every device to `ports` and binds its interrupts. `serial_sink`: gets what the guest
  // writes to the serial port; null leaves the port out.
  [[nodiscard]] static Result<std::unique_ptr<PlatformDevices>> create(Vm& vm, Bus& ports,
                                                                       GuestEvents& events,
                                                                       CharacterSink* serial_sink);

  // Null without a serial port.
  [[nodiscard]] virtual CharacterReceiver* serial_receiver() noexcept = 0;
};

}  // namespace bothy::arch
