#include "tests/support/virtio_driver.h"

#include <array>
#include <atomic>
#include <bit>

#include "devices/virtio/queue/ring_access.h"

namespace bothy::test {
namespace {

using virtio::Descriptor;
using virtio::EventSuppression;
using virtio::PackedDescriptor;
using virtio::UsedElement;

constexpr GuestAddress kRing = 4;  // behind the flags and the index of both areas

void full_barrier() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace

GuestMemory make_guest_memory(std::uint64_t size) {
  const std::array ranges{MemoryRange{0, size}};
  return GuestMemory::create(ranges, MemoryBacking::kAnonymous).value();
}

DriverQueue::DriverQueue(GuestMemory& memory, GuestAddress base, std::uint16_t size,
                         virtio::RingFeatures features)
    : memory_(memory),
      base_(base),
      size_(size),
      features_(features),
      heap_(base + kHeap),
      slots_(size, 0) {}

virtio::QueueConfig DriverQueue::config() const noexcept {
  return {size_, true, base_ + kDescriptors, base_ + kAvailable, base_ + kUsed};
}

std::unique_ptr<virtio::Queue> DriverQueue::queue(virtio::QueueState state) const {
  return virtio::Queue::create(memory_, config(), features_, state).value();
}

template <class Word>
Word DriverQueue::get(GuestAddress offset) const {
  // Acquire: pairs with the device's releases of used indices and flags.
  return virtio::load<Word>(memory_.slice(base_ + offset, sizeof(Word))->data(),
                            std::memory_order_acquire);
}

template <class Word>
void DriverQueue::put(GuestAddress offset, Word value) {
  // Release: pairs with the device's acquires of available indices and flags.
  virtio::store(memory_.slice(base_ + offset, sizeof(Word))->data(), value,
                std::memory_order_release);
}

GuestAddress DriverQueue::allocate(std::uint64_t length) {
  const GuestAddress address = heap_;
  heap_ += (length + 15) & ~std::uint64_t{15};
  return address;
}

Descriptor DriverQueue::describe(const Buffer& buffer) {
  const GuestAddress address = buffer.address ? *buffer.address : allocate(buffer.length);
  addresses_.push_back(address);
  const auto flags = static_cast<std::uint16_t>(buffer.writable ? virtio::kDescriptorWrite : 0);
  return {address, buffer.length, flags, 0};
}

std::uint16_t DriverQueue::add(std::span<const Buffer> buffers) {
  addresses_.clear();
  if (features_.packed) {
    std::vector<Descriptor> list;
    for (const Buffer& buffer : buffers) {
      list.push_back(describe(buffer));
    }
    return add_packed(list);
  }
  const std::uint16_t head = free_;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    Descriptor descriptor = describe(buffers[i]);
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

GuestAddress DriverQueue::make_table(std::span<const Buffer> buffers) {
  const GuestAddress table = allocate(buffers.size() * sizeof(Descriptor));
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    Descriptor descriptor = describe(buffers[i]);
    const GuestAddress at = table + i * sizeof(descriptor);
    if (features_.packed) {
      // Entries follow each other without a word (2.8.7).
      static_cast<void>(memory_.write(
          at, PackedDescriptor{descriptor.address, descriptor.length, 0, descriptor.flags}));
      continue;
    }
    if (i + 1 < buffers.size()) {
      descriptor.flags = static_cast<std::uint16_t>(descriptor.flags | virtio::kDescriptorNext);
      descriptor.next = static_cast<std::uint16_t>(i + 1);
    }
    static_cast<void>(memory_.write(at, descriptor));
  }
  return table;
}

std::uint16_t DriverQueue::add_indirect(std::span<const Buffer> buffers) {
  addresses_.clear();
  const auto length = static_cast<std::uint32_t>(buffers.size() * sizeof(Descriptor));
  const Descriptor descriptor{make_table(buffers), length, virtio::kDescriptorIndirect, 0};
  if (features_.packed) {
    return add_packed(std::span(&descriptor, 1));
  }
  const std::uint16_t head = free_;
  set_descriptor(head, descriptor);
  free_ = static_cast<std::uint16_t>((free_ + 1U) % size_);
  offer(head);
  return head;
}

std::uint16_t DriverQueue::used_index() const {
  if (!features_.packed) {
    return get<std::uint16_t>(kUsed + 2);
  }
  std::uint16_t count = taken_;
  Place place = used_;
  // No more fit into the ring, whatever lies in it.
  for (std::uint16_t slots = 0; slots < size_; ++count) {
    const auto used = used_at(place);
    if (!used) {
      break;
    }
    slots = static_cast<std::uint16_t>(slots + slots_of(*used));
    place = moved(place, slots_of(*used));
  }
  return count;
}

std::optional<UsedElement> DriverQueue::take() {
  if (features_.packed) {
    const auto used = used_at(used_);
    if (used) {
      ++taken_;
      used_ = moved(used_, slots_of(*used));
      if (used->id < size_) {
        slots_[used->id] = 0;
      }
    }
    return used;
  }
  if (taken_ == used_index()) {
    return std::nullopt;
  }
  const std::uint64_t slot = taken_++ % size_;
  return memory_.read<UsedElement>(base_ + kUsed + kRing + slot * sizeof(UsedElement));
}

bool DriverQueue::wants_kick() {
  full_barrier();
  const std::uint16_t before = std::exchange(asked_, next_);
  const int count = static_cast<int>(std::exchange(slots_added_, 0));
  if (!features_.packed) {
    return features_.event_index ? virtio::passes_event(available_event(), next_, before)
                                 : before != next_ && used_flags() == 0;
  }
  const EventSuppression event = device_event();
  if (event.flags != virtio::kEventPosition) {
    return count != 0 && event.flags == virtio::kEventEnable;
  }
  const bool this_lap = ((event.position & virtio::kEventWrap) != 0) == available_.wrap;
  const int position = (event.position & ~virtio::kEventWrap) - (this_lap ? 0 : size_);
  return position < available_.slot && position >= available_.slot - count;
}

bool DriverQueue::enable_interrupts() {
  if (features_.packed) {
    const auto position =
        static_cast<std::uint16_t>(used_.slot | (used_.wrap ? virtio::kEventWrap : 0U));
    set_driver_event(
        {position, features_.event_index ? virtio::kEventPosition : virtio::kEventEnable});
  } else if (features_.event_index) {
    set_used_event(taken_);
  } else {
    set_available_flags(0);
  }
  full_barrier();
  return features_.packed ? used_at(used_).has_value() : taken_ != used_index();
}

void DriverQueue::disable_interrupts() {
  if (features_.packed) {
    set_driver_event({0, virtio::kEventDisable});
  } else if (features_.event_index) {
    set_used_event(static_cast<std::uint16_t>(taken_ - 1U));  // as far away as can be
  } else {
    set_available_flags(virtio::kNoInterrupt);
  }
}

void DriverQueue::break_ring() {
  if (features_.packed) {
    offer_packed({~std::uint64_t{0}, 1, 0, 0});
  } else {
    offer(size_);
  }
}

void DriverQueue::set_descriptor(std::uint16_t index, const Descriptor& descriptor) {
  static_cast<void>(memory_.write(base_ + kDescriptors + index * sizeof(descriptor), descriptor));
}

void DriverQueue::offer(std::uint16_t head) {
  put(kAvailable + kRing + 2ULL * (next_ % size_), head);
  set_available_index(static_cast<std::uint16_t>(next_ + 1U));
}

void DriverQueue::set_available_index(std::uint16_t index) {
  next_ = index;
  put(kAvailable + 2, index);
}

void DriverQueue::set_available_flags(std::uint16_t flags) {
  put(kAvailable, flags);
}

void DriverQueue::set_used_event(std::uint16_t index) {
  put(kAvailable + kRing + 2ULL * size_, index);
}

std::uint16_t DriverQueue::available_event() const {
  return get<std::uint16_t>(kUsed + kRing + sizeof(UsedElement) * size_);
}

std::uint16_t DriverQueue::used_flags() const {
  return get<std::uint16_t>(kUsed);
}

DriverQueue::Place DriverQueue::moved(Place place, std::uint16_t slots) const noexcept {
  const unsigned sum = place.slot + unsigned{slots};
  return {static_cast<std::uint16_t>(sum % size_), place.wrap != (sum / size_ % 2 != 0)};
}

std::uint16_t DriverQueue::free_id() const noexcept {
  for (std::uint16_t i = 0; i < size_; ++i) {
    const auto id = static_cast<std::uint16_t>((next_ + i) % size_);
    if (slots_[id] == 0) {
      return id;
    }
  }
  return 0;
}

std::uint16_t DriverQueue::add_packed(std::span<const Descriptor> list) {
  const std::uint16_t id = free_id();
  const auto slots = static_cast<std::uint16_t>(list.size());
  // From the last to the first, which makes them all available (2.8.6).
  for (std::uint16_t i = slots; i-- > 0;) {
    const Descriptor& element = list[i];
    const unsigned next = i + 1U < slots ? virtio::kDescriptorNext : 0U;
    // Only the id of the last counts.
    write_packed(moved(available_, i),
                 {element.address, element.length, next == 0 ? id : std::uint16_t{0xffff},
                  static_cast<std::uint16_t>(element.flags | next)});
  }
  slots_[id] = slots;
  available_ = moved(available_, slots);
  slots_added_ += slots;
  ++next_;
  return id;
}

void DriverQueue::write_packed(Place place, PackedDescriptor descriptor) {
  const GuestAddress at = kDescriptors + place.slot * sizeof(descriptor);
  constexpr std::size_t kFlags = offsetof(PackedDescriptor, flags);
  static_cast<void>(
      memory_.write_bytes(base_ + at, std::as_bytes(std::span(&descriptor, 1)).first(kFlags)));
  const unsigned mark = place.wrap ? virtio::kDescriptorAvailable : virtio::kDescriptorUsed;
  put(at + kFlags, static_cast<std::uint16_t>(descriptor.flags | mark));
}

std::optional<UsedElement> DriverQueue::used_at(Place place) const {
  const GuestAddress at = kDescriptors + place.slot * sizeof(PackedDescriptor);
  const auto flags = get<std::uint16_t>(at + offsetof(PackedDescriptor, flags));
  if (((flags & virtio::kDescriptorAvailable) != 0) != place.wrap ||
      ((flags & virtio::kDescriptorUsed) != 0) != place.wrap) {
    return std::nullopt;
  }
  const auto used = packed_descriptor(place.slot);
  // 2.8.4: without the flag the length says nothing.
  return UsedElement{used.id, (flags & virtio::kDescriptorWrite) != 0 ? used.length : 0};
}

std::uint16_t DriverQueue::slots_of(const UsedElement& used) const noexcept {
  const std::uint16_t slots = used.id < size_ ? slots_[used.id] : std::uint16_t{0};
  return slots != 0 ? slots : std::uint16_t{1};
}

void DriverQueue::offer_packed(PackedDescriptor descriptor) {
  write_packed(available_, descriptor);
  available_ = moved(available_, 1);
  ++slots_added_;
  ++next_;
}

PackedDescriptor DriverQueue::packed_descriptor(std::uint16_t slot) const {
  return *memory_.read<PackedDescriptor>(base_ + kDescriptors + slot * sizeof(PackedDescriptor));
}

void DriverQueue::set_driver_event(const EventSuppression& event) {
  put(kAvailable, std::bit_cast<std::uint32_t>(event));
}

EventSuppression DriverQueue::device_event() const {
  return std::bit_cast<EventSuppression>(get<std::uint32_t>(kUsed));
}

}  // namespace bothy::test
