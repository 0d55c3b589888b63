// BootMarker: the port that the guest's init writes to at its start, for timing a boot.
#pragma once

#include "devices/bus.h"
#include "devices/guest_events.h"

namespace bothy {

// One port for one value, which the guest protocol defines; reads as absent. Stateless.
class BootMarker final : public BusHandler {
 public:
  static constexpr std::uint64_t kPorts = 1;

  BootMarker(std::uint8_t value, GuestEvents& events) noexcept : value_(value), events_(events) {}

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

 private:
  const std::uint8_t value_;
  GuestEvents& events_;
};

}  // namespace bothy
