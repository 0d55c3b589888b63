#include "tests/support/virtio_driver.h"

#include <array>

namespace bothy::test {

GuestMemory make_guest_memory(std::uint64_t size) {
  const std::array ranges{MemoryRange{0, size}};
  return GuestMemory::create(ranges, MemoryBacking::kAnonymous).value();
}

DriverQueue::DriverQueue(GuestMemory& memory, GuestAddress base, std::uint16_t size,
                         virtio::RingFeatures features)
    : memory_(memory), base_(base), size_(size), features_(features), heap_(base + kHeap) {}

virtio::QueueConfig DriverQueue::config() const noexcept {
  return {size_, true, base_ + kDescriptors, base_ + kAvailable, base_ + kUsed};
}

std::unique_ptr<virtio::Queue> DriverQueue::queue() const {
  return virtio::Queue::create(memory_, config(), features_).value();
}

GuestAddress DriverQueue::allocate(std::uint64_t length) {
  const GuestAddress address = heap_;
  heap_ += (length + 15) & ~std::uint64_t{15};
  return address;
}

virtio::Descriptor DriverQueue::describe(const Buffer& buffer) {
  const GuestAddress address = buffer.address ? *buffer.address : allocate(buffer.length);
  addresses_.push_back(address);
  const auto flags = static_cast<std::uint16_t>(buffer.writable ? virtio::kDescriptorWrite : 0);
  return {address, buffer.length, flags, 0};
}

std::uint16_t DriverQueue::add(std::span<const Buffer> buffers) {
  addresses_.clear();
  const std::uint16_t head = free_;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    virtio::Descriptor descriptor = describe(buffers[i]);
    const auto next = static_cast<std::uint16_t>((free_ + 1U) % size_);
    if (i + 1 < buffers.size()) {
      descriptor.flags = static_cast<std::uint16_t>(descriptor.flags | virtio::kDescriptorNext);
      descriptor.next = next;
    }
    set_descriptor(free_, descriptor);
    free_ = next;
  }
  offer(head);
  return head;
}

std::uint16_t DriverQueue::add_indirect(std::span<const Buffer> buffers) {
  addresses_.clear();
  const auto length = static_cast<std::uint32_t>(buffers.size() * sizeof(virtio::Descriptor));
  const GuestAddress table = allocate(length);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    virtio::Descriptor descriptor = describe(buffers[i]);
    if (i + 1 < buffers.size()) {
      descriptor.flags = static_cast<std::uint16_t>(descriptor.flags | virtio::kDescriptorNext);
      descriptor.next = static_cast<std::uint16_t>(i + 1);
    }
    static_cast<void>(memory_.write(table + i * sizeof(descriptor), descriptor));
  }
  const std::uint16_t head = free_;
  set_descriptor(head, {table, length, virtio::kDescriptorIndirect, 0});
  free_ = static_cast<std::uint16_t>((free_ + 1U) % size_);
  offer(head);
  return head;
}

void DriverQueue::set_descriptor(std::uint16_t index, const virtio::Descriptor& descriptor) {
  static_cast<void>(memory_.write(base_ + kDescriptors + index * sizeof(descriptor), descriptor));
}

void DriverQueue::offer(std::uint16_t head) {
  static_cast<void>(memory_.write(base_ + kAvailable + 4 + 2ULL * (next_ % size_), head));
  set_available_index(static_cast<std::uint16_t>(next_ + 1U));
}

void DriverQueue::set_available_index(std::uint16_t index) {
  next_ = index;
  static_cast<void>(memory_.write(base_ + kAvailable + 2, index));
}

void DriverQueue::set_available_flags(std::uint16_t flags) {
  static_cast<void>(memory_.write(base_ + kAvailable, flags));
}

void DriverQueue::set_used_event(std::uint16_t index) {
  static_cast<void>(memory_.write(base_ + kAvailable + 4 + 2ULL * size_, index));
}

std::uint16_t DriverQueue::available_event() const {
  return *memory_.read<std::uint16_t>(base_ + kUsed + 4 + sizeof(virtio::UsedElement) * size_);
}

std::uint16_t DriverQueue::used_flags() const {
  return *memory_.read<std::uint16_t>(base_ + kUsed);
}

std::uint16_t DriverQueue::used_index() const {
  return *memory_.read<std::uint16_t>(base_ + kUsed + 2);
}

std::optional<virtio::UsedElement> DriverQueue::take() {
  if (taken_ == used_index()) {
    return std::nullopt;
  }
  const std::uint64_t slot = taken_++ % size_;
  return memory_.read<virtio::UsedElement>(base_ + kUsed + 4 + slot * sizeof(virtio::UsedElement));
}

}  // namespace bothy::test
