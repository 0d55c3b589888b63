#include "devices/legacy/acpi_power.h"

namespace bothy {
namespace {

enum Register : std::uint64_t { kSleepControl = 0, kSleepStatus = 1, kReset = 2 };

// ACPI 6.5, 4.8.3.7, tables 4.23 and 4.24.
constexpr unsigned kSleepTypeShift = 2;
constexpr unsigned kSleepTypeMask = 7;
constexpr std::uint8_t kSleepEnable = 1U << 5U;
constexpr std::uint8_t kWakeStatus = 1U << 7U;

}  // namespace

void AcpiPower::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::byte& byte : data) {
    switch (offset++) {
      case kSleepControl:  // SLP_EN is write-only and reads as zero
        byte = static_cast<std::byte>(state_.sleep_type << kSleepTypeShift);
        break;
      case kSleepStatus:
        byte = state_.woken ? std::byte{kWakeStatus} : std::byte{0};
        break;
      default:
        break;
    }
  }
}

void AcpiPower::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  for (const std::byte byte : data) {
    const auto value = std::to_integer<std::uint8_t>(byte);
    switch (offset++) {
      case kSleepControl:
        write_sleep_control(value);
        break;
      case kSleepStatus:
        if ((value & kWakeStatus) != 0) {
          const std::lock_guard lock(mutex_);
          state_.woken = false;
        }
        break;
      case kReset:
        if (value == config_.reset_value) {
          events_.on_guest_event(GuestEvent::kReset);
        }
        break;
      default:
        break;
    }
  }
}

void AcpiPower::write_sleep_control(std::uint8_t value) noexcept {
  const auto type = static_cast<std::uint8_t>((value >> kSleepTypeShift) & kSleepTypeMask);
  const bool enter = (value & kSleepEnable) != 0;
  {
    const std::lock_guard lock(mutex_);
    state_.sleep_type = type;
    // An unsupported state is left at once: the guest would wait for WAK_STS for ever.
    state_.woken = state_.woken || (enter && type != config_.s5_sleep_type);
  }
  if (enter && type == config_.s5_sleep_type) {
    events_.on_guest_event(GuestEvent::kPowerOff);
  }
}

AcpiPowerState AcpiPower::save() const noexcept {
  const std::lock_guard lock(mutex_);
  return state_;
}

void AcpiPower::restore(const AcpiPowerState& state) noexcept {
  const std::lock_guard lock(mutex_);
  state_ = state;
  state_.sleep_type &= kSleepTypeMask;
}

}  // namespace bothy
