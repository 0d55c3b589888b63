// What lies in virtqueues, split (virtio 1.2, 2.7) and packed (2.8), and the feature bits of rings.
// The kernel's own header for it, linux/virtio_ring.h, is not C++.
#pragma once

#include <cstdint>

namespace bothy::virtio {

// 2.7.5
struct Descriptor {
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint16_t flags = 0;
  std::uint16_t next = 0;
};
inline constexpr std::uint16_t kDescriptorNext = 1;
inline constexpr std::uint16_t kDescriptorWrite = 2;
inline constexpr std::uint16_t kDescriptorIndirect = 4;

// 2.7.8
struct UsedElement {
  std::uint32_t id = 0;  // the head of the chain
  std::uint32_t length = 0;
};

// The flags of the driver area (2.7.6) and of the device area (2.7.8).
inline constexpr std::uint16_t kNoInterrupt = 1;
inline constexpr std::uint16_t kNoNotify = 1;

// 2.8.13. Its flags are those above and the two of 2.8.1.
struct PackedDescriptor {
  std::uint64_t address = 0;
  std::uint32_t length = 0;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
};
inline constexpr std::uint16_t kDescriptorAvailable = 1U << 7U;
inline constexpr std::uint16_t kDescriptorUsed = 1U << 15U;

// 2.8.14. The driver area and the device area of a packed queue: when the other side is told.
struct EventSuppression {
  std::uint16_t position = 0;  // a slot, with the wrap counter in kEventWrap
  std::uint16_t flags = 0;
};
inline constexpr std::uint16_t kEventWrap = 1U << 15U;
// 2.8.10
inline constexpr std::uint16_t kEventFlags = 3;  // the others are reserved
inline constexpr std::uint16_t kEventEnable = 0;
inline constexpr std::uint16_t kEventDisable = 1;
inline constexpr std::uint16_t kEventPosition = 2;  // once the position is passed

// 6
inline constexpr unsigned kFeatureIndirect = 28;
inline constexpr unsigned kFeatureEventIndex = 29;
inline constexpr unsigned kFeatureVersion1 = 32;
inline constexpr unsigned kFeatureRingPacked = 34;

// Whether moving an index from `before` to `now` passes `wanted` (2.7.10.1).
[[nodiscard]] constexpr bool passes_event(std::uint16_t wanted, std::uint16_t now,
                                          std::uint16_t before) noexcept {
  return static_cast<std::uint16_t>(now - wanted - 1) < static_cast<std::uint16_t>(now - before);
}

}  // namespace bothy::virtio
