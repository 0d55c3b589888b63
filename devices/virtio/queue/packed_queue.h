// PackedQueue: a virtqueue of one ring, which both sides write (virtio 1.2, 2.8). Made by
// Queue::create().
#pragma once

#include "devices/virtio/queue/queue.h"
#include "devices/virtio/queue/ring_layout.h"

namespace bothy::virtio {

// A position in a packed ring: a slot and its wrap counter (virtio 1.2, 2.8.1).
struct PackedPosition {
  std::uint16_t slot = 0;
  bool wrap = true;

  // `slots` is at most `size`, that of the ring.
  void advance(std::uint16_t slots, std::uint16_t size) noexcept {
    const std::uint32_t sum = std::uint32_t{slot} + slots;
    wrap ^= sum >= size;
    slot = static_cast<std::uint16_t>(sum >= size ? sum - size : sum);
  }
  void retreat(std::uint16_t slots, std::uint16_t size) noexcept {
    wrap ^= slot < slots;
    slot = static_cast<std::uint16_t>(slot < slots ? slot + size - slots : slot - slots);
  }
  // As in event suppression structures (2.8.14).
  [[nodiscard]] std::uint16_t encoded() const noexcept {
    return static_cast<std::uint16_t>(slot | (wrap ? kEventWrap : 0U));
  }
};

class PackedQueue final : public Queue {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Queue>> create(const GuestMemory& memory,
                                                             const QueueConfig& config,
                                                             RingFeatures features,
                                                             QueueState state);

  [[nodiscard]] std::optional<Chain> pop() override;
  void disable_kicks() noexcept override;
  [[nodiscard]] bool enable_kicks() noexcept override;
  void flush() noexcept override;
  [[nodiscard]] bool needs_signal() noexcept override;
  [[nodiscard]] QueueState state() noexcept override;

 private:
  struct Parts {
    std::byte* ring;
    std::byte* driver_event;
    std::byte* device_event;
  };

  PackedQueue(const GuestMemory& memory, std::uint16_t size, RingFeatures features,
              const Parts& parts, QueueState state, std::uint16_t out) noexcept;

  [[nodiscard]] std::byte* slot(std::uint16_t index) const noexcept {
    return parts_.ring + index * sizeof(PackedDescriptor);
  }
  [[nodiscard]] bool available(std::uint16_t flags) const noexcept;
  [[nodiscard]] bool collect(Chain& chain, std::uint16_t flags);
  [[nodiscard]] bool walk_table(Chain& chain, const PackedDescriptor& descriptor);
  void suppress(EventSuppression wanted) noexcept;
  void push(ChainPlace place, std::uint32_t written) noexcept override;
  void step_back(ChainPlace place) noexcept override;

  const Parts parts_;
  PackedPosition next_available_;
  PackedPosition next_used_;
  std::uint16_t out_;  // slots of chains in flight: popped, not completed
  // The first completion that flush() has yet to publish, by its flags: it hides those behind it.
  std::uint16_t held_slot_ = 0;
  std::uint16_t held_flags_ = 0;
  std::uint32_t held_slots_ = 0;   // of the held completion and all that it hides; 0: none
  std::uint32_t unsignalled_ = 0;  // slots published since the last needs_signal()
};

}  // namespace bothy::virtio
