// AcpiPower: the registers by which a guest of a hardware-reduced ACPI platform powers off and
// resets the machine.
#pragma once

#include <mutex>

#include "devices/bus.h"
#include "devices/guest_events.h"

namespace bothy {

// The saved state of an AcpiPower.
struct AcpiPowerState {
  std::uint8_t sleep_type = 0;
  bool woken = false;
};

// Sleep control at offset 0, sleep status at 1 (ACPI 6.5, 4.8.3.7), reset at 2 (4.8.3.6).
class AcpiPower final : public BusHandler {
 public:
  static constexpr std::uint64_t kPorts = 3;

  // The values that the FADT and \_S5 give the guest.
  struct Config {
    std::uint8_t s5_sleep_type;
    std::uint8_t reset_value;
  };

  AcpiPower(const Config& config, GuestEvents& events) noexcept
      : config_(config), events_(events) {}

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

  [[nodiscard]] AcpiPowerState save() const noexcept;
  void restore(const AcpiPowerState& state) noexcept;

 private:
  void write_sleep_control(std::uint8_t value) noexcept;

  const Config config_;
  GuestEvents& events_;
  mutable std::mutex mutex_;
  AcpiPowerState state_;
};

}  // namespace bothy
