#include "arch/platform/platform_devices.h"

#include <optional>

#include "arch/layout.h"
#include "devices/interrupt.h"
#include "devices/legacy/acpi_power.h"
#include "devices/legacy/boot_marker.h"
#include "devices/legacy/i8042.h"
#include "devices/legacy/pit.h"
#include "devices/legacy/pvpanic.h"
#include "devices/legacy/rtc.h"
#include "devices/legacy/serial.h"
#include "guest/protocol/boot_marker.h"

namespace bothy::arch {
namespace {

class X86Devices final : public PlatformDevices {
 public:
  explicit X86Devices(GuestEvents& events) noexcept
      : power_({layout::kAcpiSleepTypeS5, layout::kAcpiResetValue}, events),
        i8042_(events),
        pvpanic_(events),
        marker_(kBootMarkerInitStarted, events) {}

  [[nodiscard]] Result<void> attach(Bus& ports) {
    BOTHY_TRY(ports.add(layout::kPortAcpiSleepControl, AcpiPower::kPorts, power_));
    BOTHY_TRY(ports.add(layout::kPortI8042Data, 1, i8042_, I8042::kData));
    BOTHY_TRY(ports.add(layout::kPortI8042Command, 1, i8042_, I8042::kCommand));
    BOTHY_TRY(ports.add(layout::kPortPit, Pit::kPorts, pit_));
    BOTHY_TRY(ports.add(layout::kPortPitControl, 1, pit_, Pit::kControl));
    BOTHY_TRY(ports.add(layout::kPortRtc, Rtc::kPorts, rtc_));
    BOTHY_TRY(ports.add(layout::kPortPvpanic, Pvpanic::kPorts, pvpanic_));
    BOTHY_TRY(ports.add(kBootMarkerPort, BootMarker::kPorts, marker_));
    return success();
  }

  [[nodiscard]] Result<void> attach_serial(Vm& vm, Bus& ports, CharacterSink& sink) {
    BOTHY_TRY(EventFd line, EventFd::create());
    serial_line_.emplace(std::move(line));
    BOTHY_TRY(vm.bind_irq(serial_line_->event(), layout::kGsiSerial));
    serial_.emplace(*serial_line_, sink);
    return ports.add(layout::kPortSerial, Serial::kPorts, *serial_);
  }

  [[nodiscard]] CharacterReceiver* serial_receiver() noexcept override {
    return serial_ ? &*serial_ : nullptr;
  }

 private:
  AcpiPower power_;
  I8042 i8042_;
  Pit pit_;
  Rtc rtc_;
  Pvpanic pvpanic_;
  BootMarker marker_;
  std::optional<Interrupt> serial_line_;
  std::optional<Serial> serial_;
};

}  // namespace

Result<std::unique_ptr<PlatformDevices>> PlatformDevices::create(Vm& vm, Bus& ports,
                                                                 GuestEvents& events,
                                                                 CharacterSink* serial_sink) {
  auto devices = std::make_unique<X86Devices>(events);
  BOTHY_TRY(devices->attach(ports));
  if (serial_sink != nullptr) {
    BOTHY_TRY(devices->attach_serial(vm, ports, *serial_sink));
  }
  return devices;
}

}  // namespace bothy::arch
