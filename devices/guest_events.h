// GuestEvents: the machine's callback for events by which the guest ends or marks its run.
#pragma once

namespace bothy {

enum class GuestEvent {
  kPowerOff,     // ACPI S5
  kReset,        // a reset register, or the i8042's pulse
  kPanicked,     // pvpanic: the guest's kernel has panicked
  kCrashLoaded,  // pvpanic: the kernel has panicked, and its crash kernel takes over
  kBootMarker,   // the guest's init wrote to the boot-marker port
};

// Called on a vCPU thread within a port access: must return at once and not wait for another
// thread.
class GuestEvents {
 public:
  GuestEvents() = default;
  GuestEvents(const GuestEvents&) = delete;
  GuestEvents& operator=(const GuestEvents&) = delete;
  virtual ~GuestEvents() = default;

  virtual void on_guest_event(GuestEvent event) noexcept = 0;
};

}  // namespace bothy
