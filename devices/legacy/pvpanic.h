// Pvpanic: the port by which a guest's kernel reports its panic (QEMU docs/specs/pvpanic).
#pragma once

#include "devices/bus.h"
#include "devices/guest_events.h"

namespace bothy {

// One port: reads as the bits of the supported events, a write reports those that are set.
// Stateless.
class Pvpanic final : public BusHandler {
 public:
  static constexpr std::uint64_t kPorts = 1;
  static constexpr std::uint8_t kPanicked = 1U << 0U;
  static constexpr std::uint8_t kCrashLoaded = 1U << 1U;

  explicit Pvpanic(GuestEvents& events) noexcept : events_(events) {}

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

 private:
  GuestEvents& events_;
};

}  // namespace bothy
