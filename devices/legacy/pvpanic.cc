#include "devices/legacy/pvpanic.h"

namespace bothy {

void Pvpanic::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  if (offset == 0) {
    data.front() = std::byte{kPanicked | kCrashLoaded};
  }
}

void Pvpanic::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  if (offset != 0) {
    return;
  }
  const auto bits = std::to_integer<std::uint8_t>(data.front());
  if ((bits & kPanicked) != 0) {
    events_.on_guest_event(GuestEvent::kPanicked);
  }
  if ((bits & kCrashLoaded) != 0) {
    events_.on_guest_event(GuestEvent::kCrashLoaded);
  }
}

}  // namespace bothy
