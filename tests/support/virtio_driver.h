// VirtioDriver: the driver's side of a virtqueue, well-behaved or hostile, shared by unit tests,
// fuzzers and benchmarks.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "devices/virtio/queue.h"
#include "devices/virtio/ring_layout.h"
#include "vmm/memory/guest_memory.h"

namespace bothy::test {

// A guest's memory with one split queue in it. Buffers come from a bump allocator, and nothing is
// ever freed.
class VirtioDriver {
 public:
  static constexpr std::uint64_t kMemory = 4ULL << 20U;
  static constexpr GuestAddress kDescriptors = 0x1000;
  static constexpr GuestAddress kAvailable = 0x10000;
  static constexpr GuestAddress kUsed = 0x20000;
  static constexpr GuestAddress kHeap = 0x40000;

  // A buffer as a descriptor names it. Without an address it is allocated.
  struct Buffer {
    std::uint32_t length = 0;
    bool writable = false;
    std::optional<GuestAddress> address = std::nullopt;
  };

  explicit VirtioDriver(std::uint16_t size = 16, virtio::RingFeatures features = {});

  [[nodiscard]] GuestMemory& memory() noexcept { return memory_; }
  [[nodiscard]] virtio::QueueConfig config() const noexcept;
  // The device's side of it.
  [[nodiscard]] std::unique_ptr<virtio::Queue> queue() const;

  // Builds a chain, shows it to the device, and returns its head.
  std::uint16_t add(std::span<const Buffer> buffers);
  std::uint16_t add(std::initializer_list<Buffer> buffers) {
    return add(std::span(buffers.begin(), buffers.size()));
  }
  std::uint16_t add_indirect(std::span<const Buffer> buffers);

  // Where the buffers of the last add() are.
  [[nodiscard]] const std::vector<GuestAddress>& addresses() const noexcept { return addresses_; }
  [[nodiscard]] GuestAddress allocate(std::uint64_t length);

  // Raw access, for what no driver should do.
  void set_descriptor(std::uint16_t index, const virtio::Descriptor& descriptor);
  void offer(std::uint16_t head);
  void set_available_index(std::uint16_t index);
  void set_available_flags(std::uint16_t flags);
  void set_used_event(std::uint16_t index);

  [[nodiscard]] std::uint16_t available_index() const noexcept { return next_; }
  [[nodiscard]] std::uint16_t available_event() const;
  [[nodiscard]] std::uint16_t used_flags() const;
  [[nodiscard]] std::uint16_t used_index() const;
  // The next completion that take() hasn't given yet.
  [[nodiscard]] std::optional<virtio::UsedElement> take();

 private:
  [[nodiscard]] virtio::Descriptor describe(const Buffer& buffer);

  const std::uint16_t size_;
  const virtio::RingFeatures features_;
  GuestMemory memory_;
  GuestAddress heap_ = kHeap;
  std::uint16_t free_ = 0;  // descriptors are handed out round and round
  std::uint16_t next_ = 0;
  std::uint16_t taken_ = 0;
  std::vector<GuestAddress> addresses_;
};

}  // namespace bothy::test
