#include "devices/virtio/queue/packed_queue.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "devices/virtio/queue/ring_access.h"

namespace bothy::virtio {
namespace {

constexpr std::size_t kLength = offsetof(PackedDescriptor, length);
constexpr std::size_t kId = offsetof(PackedDescriptor, id);
constexpr std::size_t kFlags = offsetof(PackedDescriptor, flags);

// The number of slots between the two positions, when a queue can have them.
std::optional<std::uint16_t> slots_out(const QueueState& state, std::uint16_t size) {
  const bool lapped = state.available_wrap != state.used_wrap;
  const int out = state.next_available - state.next_used + (lapped ? size : 0);
  if (state.next_available >= size || state.next_used >= size || out < 0 || out > size) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(out);
}

}  // namespace

Result<std::unique_ptr<Queue>> PackedQueue::create(const GuestMemory& memory,
                                                   const QueueConfig& config, RingFeatures features,
                                                   QueueState state) {
  const std::uint16_t size = config.size;
  if (size == 0 || size > kMaxSize) {
    return make_error(ErrorCode::kInvalid, "its size of {} is not from 1 to {}", size, kMaxSize);
  }
  const auto out = slots_out(state, size);
  if (!out) {
    return make_error(ErrorCode::kInvalid, "no queue of {} stands at {}{} available and {}{} used",
                      size, state.next_available, state.available_wrap ? "" : " wrapped",
                      state.next_used, state.used_wrap ? "" : " wrapped");
  }
  Parts parts{};
  // Alignments and sizes: virtio 1.2, 2.8.10.1.
  BOTHY_TRY(parts.ring, place_part(memory, "descriptor ring", config.descriptors,
                                   size * sizeof(PackedDescriptor), 16));
  BOTHY_TRY(parts.driver_event,
            place_part(memory, "driver area", config.driver_area, sizeof(EventSuppression), 4));
  BOTHY_TRY(parts.device_event,
            place_part(memory, "device area", config.device_area, sizeof(EventSuppression), 4));
  return std::unique_ptr<Queue>(new PackedQueue(memory, size, features, parts, state, *out));
}

PackedQueue::PackedQueue(const GuestMemory& memory, std::uint16_t size, RingFeatures features,
                         const Parts& parts, QueueState state, std::uint16_t out) noexcept
    : Queue(memory, size, features),
      parts_(parts),
      next_available_{state.next_available, state.available_wrap},
      next_used_{state.next_used, state.used_wrap},
      out_(out) {}

// virtio 1.2, 2.8.1: the driver's flags in the slot at next_available_.
bool PackedQueue::available(std::uint16_t flags) const noexcept {
  return ((flags & kDescriptorAvailable) != 0) == next_available_.wrap &&
         ((flags & kDescriptorUsed) != 0) != next_available_.wrap;
}

std::optional<Chain> PackedQueue::pop() {
  std::optional<Chain> chain;
  if (broken()) [[unlikely]] {
    return chain;
  }
  // Acquire: pairs with the driver's barrier between filling a list of descriptors and the flags
  // of its first (virtio 1.2, 2.8.21.1).
  const auto flags =
      load<std::uint16_t>(slot(next_available_.slot) + kFlags, std::memory_order_acquire);
  if (!available(flags)) {
    return chain;
  }
  chain.emplace(*this);
  if (!collect(*chain, flags)) [[unlikely]] {
    discard(chain);
  }
  return chain;
}

bool PackedQueue::collect(Chain& chain, std::uint16_t flags) {
  PackedPosition position = next_available_;
  // A slot is not the driver's again until it is used.
  const std::size_t limit = std::min<std::size_t>(size_ - out_, kMaxBuffers);
  std::uint16_t slots = 0;
  PackedDescriptor descriptor;
  do {
    if (slots == limit) [[unlikely]] {
      return fail("a chain that is too long, or includes slots not owned by the driver");
    }
    descriptor = load_descriptor<PackedDescriptor>(slot(position.slot));
    if (slots == 0) {
      descriptor.flags = flags;  // as checked by pop()
    }
    if ((descriptor.flags & kDescriptorIndirect) != 0) [[unlikely]] {
      // 2.8.19: only as the one descriptor of a chain.
      if (slots != 0 || (descriptor.flags & kDescriptorNext) != 0) {
        return fail("an indirect descriptor in a chain");
      }
      if (!walk_table(chain, descriptor)) {
        return false;
      }
    } else if (!add_buffer(chain, descriptor.address, descriptor.length,
                           (descriptor.flags & kDescriptorWrite) != 0)) [[unlikely]] {
      return false;
    }
    ++slots;
    position.advance(1, size_);
  } while ((descriptor.flags & kDescriptorNext) != 0);
  // 2.8.6: the last has the id.
  if (!settle(chain, {.id = descriptor.id, .slots = slots, .end = position.encoded()}))
      [[unlikely]] {
    return false;
  }
  next_available_ = position;
  out_ = static_cast<std::uint16_t>(out_ + slots);
  return true;
}

// 2.8.7: every entry is a buffer, whose only flag says which side writes it.
bool PackedQueue::walk_table(Chain& chain, const PackedDescriptor& descriptor) {
  const auto table = indirect_table(descriptor.address, descriptor.length);
  if (!table) [[unlikely]] {
    return false;
  }
  for (std::size_t at = 0; at < table->size(); at += sizeof(PackedDescriptor)) {
    const auto entry = load_descriptor<PackedDescriptor>(table->data() + at);
    if (!add_buffer(chain, entry.address, entry.length, (entry.flags & kDescriptorWrite) != 0))
        [[unlikely]] {
      return false;
    }
  }
  return true;
}

void PackedQueue::push(ChainPlace place, std::uint32_t written) noexcept {
  std::byte* const at = slot(next_used_.slot);
  std::memcpy(at + kLength, &written, sizeof(written));
  std::memcpy(at + kId, &place.id, sizeof(place.id));
  // 2.8.1, and 2.8.3: without the flag the length is reserved.
  const auto flags =
      static_cast<std::uint16_t>((next_used_.wrap ? kDescriptorAvailable | kDescriptorUsed : 0U) |
                                 (written != 0 ? kDescriptorWrite : 0U));
  // The driver checks one slot after the other, so the first of a batch hides the others (2.8.2).
  if (held_slots_ == 0) {
    held_slot_ = next_used_.slot;
    held_flags_ = flags;
  } else {
    store(at + kFlags, flags, std::memory_order_relaxed);
  }
  held_slots_ += place.slots;
  out_ = static_cast<std::uint16_t>(out_ - place.slots);
  next_used_.advance(place.slots, size_);
}

void PackedQueue::step_back(ChainPlace place) noexcept {
  assert(place.end == next_available_.encoded());
  next_available_.retreat(place.slots, size_);
  out_ = static_cast<std::uint16_t>(out_ - place.slots);
}

void PackedQueue::flush() noexcept {
  if (held_slots_ == 0) {
    return;
  }
  // Saturates: beyond a lap the exact number does not matter.
  unsignalled_ = std::min<std::uint32_t>(unsignalled_ + held_slots_, size_ + 1U);
  held_slots_ = 0;
  // Release: pairs with the driver's barrier between reading the flags and the rest: a driver that
  // sees the first completion of a batch sees all of them and the content of the buffers (virtio
  // 1.2, 2.8.9 and 2.8.22).
  store(slot(held_slot_) + kFlags, held_flags_, std::memory_order_release);
}

void PackedQueue::suppress(EventSuppression wanted) noexcept {
  // One store: the driver never sees one half of it.
  store(parts_.device_event, std::bit_cast<std::uint32_t>(wanted), std::memory_order_relaxed);
}

void PackedQueue::disable_kicks() noexcept {
  suppress({.flags = kEventDisable});
}

bool PackedQueue::enable_kicks() noexcept {
  if (broken()) {
    return false;
  }
  suppress({.position = next_available_.encoded(),
            .flags = features_.event_index ? kEventPosition : kEventEnable});
  // Either the driver sees the request for a kick, or this thread sees its descriptor: pairs with
  // the driver's full barrier between the flags of a descriptor and checking whether to kick
  // (virtio 1.2, 2.8.21.3).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return available(
      load<std::uint16_t>(slot(next_available_.slot) + kFlags, std::memory_order_relaxed));
}

bool PackedQueue::needs_signal() noexcept {
  flush();
  const int count = static_cast<int>(std::exchange(unsignalled_, 0));
  if (count == 0) {
    return false;
  }
  // Either the driver sees the completion, or this thread sees its request for an interrupt: pairs
  // with the driver's full barrier between the request and reading the ring again (virtio 1.2,
  // 2.8.22).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto wanted = std::bit_cast<EventSuppression>(
      load<std::uint32_t>(parts_.driver_event, std::memory_order_relaxed));
  const unsigned flags = wanted.flags & kEventFlags;
  if (flags != kEventPosition || !features_.event_index) {
    return flags != kEventDisable;
  }
  if (count > size_) {
    return true;  // any position has been passed
  }
  // Counted from the start of the lap that next_used_ is on; the one before lies below zero.
  const bool this_lap = ((wanted.position & kEventWrap) != 0) == next_used_.wrap;
  const int position = (wanted.position & ~kEventWrap) - (this_lap ? 0 : size_);
  return position < next_used_.slot && position >= next_used_.slot - count;
}

QueueState PackedQueue::state() noexcept {
  flush();
  return {.next_available = next_available_.slot,
          .next_used = next_used_.slot,
          .available_wrap = next_available_.wrap,
          .used_wrap = next_used_.wrap};
}

}  // namespace bothy::virtio
