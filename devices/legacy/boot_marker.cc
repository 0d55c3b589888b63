#include "devices/legacy/boot_marker.h"

namespace bothy {

void BootMarker::read(std::uint64_t /*offset*/, std::span<std::byte> /*data*/) noexcept {}

void BootMarker::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  if (offset == 0 && data.front() == std::byte{value_}) {
    events_.on_guest_event(GuestEvent::kBootMarker);
  }
}

}  // namespace bothy
