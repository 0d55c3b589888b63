// The driver's side of virtqueues, well-behaved or hostile, shared by unit tests, fuzzers and
// benchmarks. DriverQueue: one queue. VirtioDriver: a queue with guest memory of its own.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "devices/virtio/queue/queue.h"
#include "devices/virtio/queue/ring_layout.h"
#include "memory/guest_memory.h"

namespace bothy::test {

// RAM of `size` bytes from address 0.
[[nodiscard]] GuestMemory make_guest_memory(std::uint64_t size);

// One queue, split or packed, in guest memory that queues may share: its rings start at `base`, its
// buffers at `base` + kHeap. Buffers come from a bump allocator that never frees, so bases that are
// kSpan apart leave each queue most of a MiB. The memory outlives the object.
//
// A device of several queues:
//
//   GuestMemory memory = make_guest_memory(2 * DriverQueue::kSpan);
//   DriverQueue receive(memory, 0), transmit(memory, DriverQueue::kSpan);
class DriverQueue {
 public:
  static constexpr std::uint64_t kSpan = 1ULL << 20U;
  // Offsets from the base. There is room for 2048 descriptors.
  static constexpr GuestAddress kDescriptors = 0x1000;
  static constexpr GuestAddress kAvailable = 0x10000;  // the driver area
  static constexpr GuestAddress kUsed = 0x20000;       // the device area
  static constexpr GuestAddress kHeap = 0x40000;

  // A descriptor's buffer. Without an address it is allocated.
  struct Buffer {
    std::uint32_t length = 0;
    bool writable = false;
    std::optional<GuestAddress> address = std::nullopt;
  };

  // Split queues need a power of two as size.
  explicit DriverQueue(GuestMemory& memory, GuestAddress base = 0, std::uint16_t size = 16,
                       virtio::RingFeatures features = {});

  [[nodiscard]] GuestMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] virtio::QueueConfig config() const noexcept;
  [[nodiscard]] virtio::RingFeatures features() const noexcept { return features_; }
  // The device's side of the queue.
  [[nodiscard]] std::unique_ptr<virtio::Queue> queue(virtio::QueueState state = {}) const;

  // Makes a descriptor chain available, and returns the id that take() will have. There is no check
  // for room in the ring.
  std::uint16_t add(std::span<const Buffer> buffers);
  std::uint16_t add(std::initializer_list<Buffer> buffers) {
    return add(std::span(buffers.begin(), buffers.size()));
  }
  std::uint16_t add_indirect(std::span<const Buffer> buffers);

  // The addresses of the last add()'s buffers.
  [[nodiscard]] const std::vector<GuestAddress>& addresses() const noexcept { return addresses_; }
  [[nodiscard]] GuestAddress allocate(std::uint64_t length);
  // Frees all allocations.
  void rewind_heap() noexcept { heap_ = base_ + kHeap; }

  // Number of used buffers from the start; wraps.
  [[nodiscard]] std::uint16_t used_index() const;
  // The next used buffer.
  std::optional<virtio::UsedElement> take();

  // Whether the device wants a notification for chains added since the last call (virtio 1.2,
  // 2.7.13.4 and 2.8.21.3).
  [[nodiscard]] bool wants_kick();
  // Enables the interrupt for the next used buffer; true if there is one already. Disables
  // interrupts, as far as the ring's features can.
  bool enable_interrupts();
  void disable_interrupts();

  // Makes an invalid descriptor available, in either layout.
  void break_ring();

  // Raw access to split rings, for invalid drivers.
  void set_descriptor(std::uint16_t index, const virtio::Descriptor& descriptor);
  void offer(std::uint16_t head);
  void set_available_index(std::uint16_t index);
  void set_available_flags(std::uint16_t flags);
  void set_used_event(std::uint16_t index);
  [[nodiscard]] std::uint16_t available_index() const noexcept { return next_; }
  [[nodiscard]] std::uint16_t available_event() const;
  [[nodiscard]] std::uint16_t used_flags() const;

  // Raw access to packed rings. offer_packed() writes at the driver's position in the ring and
  // moves on by one slot; it sets the two flags of an available descriptor.
  void offer_packed(virtio::PackedDescriptor descriptor);
  [[nodiscard]] virtio::PackedDescriptor packed_descriptor(std::uint16_t slot) const;
  void set_driver_event(const virtio::EventSuppression& event);
  [[nodiscard]] virtio::EventSuppression device_event() const;

 private:
  // A position of the driver or the device in a packed ring (2.8.1).
  struct Place {
    std::uint16_t slot = 0;
    bool wrap = true;
  };

  [[nodiscard]] virtio::Descriptor describe(const Buffer& buffer);
  [[nodiscard]] GuestAddress make_table(std::span<const Buffer> buffers);
  [[nodiscard]] Place moved(Place place, std::uint16_t slots) const noexcept;
  [[nodiscard]] std::uint16_t free_id() const noexcept;
  std::uint16_t add_packed(std::span<const virtio::Descriptor> list);
  void write_packed(Place place, virtio::PackedDescriptor descriptor);
  // The used buffer at `place`, if there is one.
  [[nodiscard]] std::optional<virtio::UsedElement> used_at(Place place) const;
  [[nodiscard]] std::uint16_t slots_of(const virtio::UsedElement& used) const noexcept;
  // Atomic access to a word that the device's thread may use.
  template <class Word>
  [[nodiscard]] Word get(GuestAddress offset) const;
  template <class Word>
  void put(GuestAddress offset, Word value);

  GuestMemory& memory_;
  const GuestAddress base_;
  const std::uint16_t size_;
  const virtio::RingFeatures features_;
  GuestAddress heap_;
  std::vector<GuestAddress> addresses_;
  std::uint16_t free_ = 0;   // split: the next free descriptor, round-robin
  std::uint16_t next_ = 0;   // chains added
  std::uint16_t taken_ = 0;  // used buffers taken
  std::uint16_t asked_ = 0;  // next_ at the last wants_kick()
  // Packed.
  Place available_;
  Place used_;
  std::uint32_t slots_added_ = 0;     // since the last wants_kick()
  std::vector<std::uint16_t> slots_;  // by id; 0: the id is free
};

struct OwnGuestMemory {
  GuestMemory own_memory;
};

// Guest memory of kMemory bytes with one queue, at 0.
class VirtioDriver : private OwnGuestMemory, public DriverQueue {
 public:
  static constexpr std::uint64_t kMemory = 4ULL << 20U;

  explicit VirtioDriver(std::uint16_t size = 16, virtio::RingFeatures features = {})
      : OwnGuestMemory{make_guest_memory(kMemory)}, DriverQueue(own_memory, 0, size, features) {}
  VirtioDriver(const VirtioDriver&) = delete;
  VirtioDriver& operator=(const VirtioDriver&) = delete;
};

}  // namespace bothy::test
