#include "devices/virtio/queue/split_queue.h"

#include <algorithm>
#include <cassert>

#include "devices/virtio/queue/ring_access.h"

namespace bothy::virtio {
namespace {

// Offsets into the driver area and the device area (virtio 1.2, 2.7.6 and 2.7.8). The event index
// of each follows its ring.
constexpr std::size_t kFlags = 0;
constexpr std::size_t kIndex = 2;
constexpr std::size_t kRing = 4;
constexpr std::size_t kAvailableEntry = sizeof(std::uint16_t);
constexpr std::size_t kUsedEntry = sizeof(UsedElement);
constexpr std::size_t kEvent = sizeof(std::uint16_t);

constexpr std::uint16_t distance(std::uint16_t from, std::uint16_t to) noexcept {
  return static_cast<std::uint16_t>(to - from);
}

}  // namespace

Result<std::unique_ptr<Queue>> SplitQueue::create(const GuestMemory& memory,
                                                  const QueueConfig& config, RingFeatures features,
                                                  QueueState state) {
  if (!std::has_single_bit(config.size) || config.size > kMaxSize) {
    return make_error(ErrorCode::kInvalid, "its size of {} is no power of two up to {}",
                      config.size, kMaxSize);
  }
  if (distance(state.next_used, state.next_available) > config.size) {
    return make_error(ErrorCode::kInvalid, "no queue of {} stands at {} available and {} used",
                      config.size, state.next_available, state.next_used);
  }
  const std::size_t size = config.size;
  Rings rings{};
  // Alignments: virtio 1.2, 2.7.
  BOTHY_TRY(rings.descriptors, place_part(memory, "descriptor table", config.descriptors,
                                          size * sizeof(Descriptor), 16));
  BOTHY_TRY(rings.available, place_part(memory, "driver area", config.driver_area,
                                        kRing + size * kAvailableEntry + kEvent, 2));
  BOTHY_TRY(rings.used, place_part(memory, "device area", config.device_area,
                                   kRing + size * kUsedEntry + kEvent, 4));
  return std::unique_ptr<Queue>(new SplitQueue(memory, config.size, features, rings, state));
}

SplitQueue::SplitQueue(const GuestMemory& memory, std::uint16_t size, RingFeatures features,
                       const Rings& rings, QueueState state) noexcept
    : Queue(memory, size, features),
      rings_(rings),
      next_available_(state.next_available),
      shown_(state.next_available),
      next_used_(state.next_used),
      published_(state.next_used) {}

std::optional<Chain> SplitQueue::pop() {
  std::optional<Chain> chain;
  if (broken() || (next_available_ == shown_ && !look())) {
    return chain;
  }
  const std::size_t slot = next_available_ & (size_ - 1U);
  const auto head = load<std::uint16_t>(rings_.available + kRing + slot * kAvailableEntry,
                                        std::memory_order_relaxed);
  if (head >= size_) [[unlikely]] {
    fail(fmt::format("descriptor {} of {}", head, size_));
    return chain;
  }
  chain.emplace(*this);
  if (!collect(*chain, head)) [[unlikely]] {
    discard(chain);
  }
  return chain;
}

std::optional<Chain> SplitQueue::adopt(std::uint16_t head) {
  std::optional<Chain> chain;
  if (broken() || head >= size_) {
    return chain;
  }
  const std::uint16_t place = next_available_;
  chain.emplace(*this);
  if (!collect(*chain, head)) {
    discard(chain);
  }
  next_available_ = place;
  return chain;
}

bool SplitQueue::look() {
  // Acquire: pairs with the driver's barrier between filling an entry and publishing its index
  // (virtio 1.2, 2.7.13.3.1).
  const auto shown = load<std::uint16_t>(rings_.available + kIndex, std::memory_order_acquire);
  if (shown == next_available_) {
    return false;
  }
  // A chain takes a descriptor at least until it is used, so at most size_ can be in flight.
  const int out = distance(next_used_, next_available_);
  if (distance(next_available_, shown) > size_ - out) [[unlikely]] {
    return fail(fmt::format("its available index jumped from {} to {}", next_available_, shown));
  }
  shown_ = shown;
  return true;
}

bool SplitQueue::collect(Chain& chain, std::uint16_t head) {
  const auto end = static_cast<std::uint16_t>(next_available_ + 1U);
  const auto first = load_descriptor<Descriptor>(rings_.descriptors + head * sizeof(Descriptor));
  if ((first.flags & kDescriptorIndirect) == 0) {
    if (!walk(chain, rings_.descriptors, size_, first)) [[unlikely]] {
      return false;
    }
  } else {
    // virtio 1.2, 2.7.5.3.1
    if ((first.flags & kDescriptorNext) != 0) {
      return fail("an indirect descriptor with a next one");
    }
    const auto table = indirect_table(first.address, first.length);
    if (!table || !walk(chain, table->data(), table->size() / sizeof(Descriptor),
                        load_descriptor<Descriptor>(table->data()))) [[unlikely]] {
      return false;
    }
  }
  if (!settle(chain, {.id = head, .slots = 1, .end = end})) [[unlikely]] {
    return false;
  }
  next_available_ = end;
  return true;
}

// The chain that starts with `descriptor` and continues in `table`.
bool SplitQueue::walk(Chain& chain, const std::byte* table, std::size_t entries,
                      Descriptor descriptor) {
  for (std::size_t left = std::min(entries, kMaxBuffers);;) {
    if ((descriptor.flags & kDescriptorIndirect) != 0) [[unlikely]] {
      return fail(table == rings_.descriptors ? "an indirect descriptor inside a chain"
                                              : "an indirect table in an indirect table");
    }
    if (!add_buffer(chain, descriptor.address, descriptor.length,
                    (descriptor.flags & kDescriptorWrite) != 0)) [[unlikely]] {
      return false;
    }
    if ((descriptor.flags & kDescriptorNext) == 0) {
      return true;
    }
    if (descriptor.next >= entries) [[unlikely]] {
      return fail(
          fmt::format("a chain that goes on at descriptor {} of {}", descriptor.next, entries));
    }
    if (--left == 0) [[unlikely]] {
      return fail("a chain that is too long or endless");
    }
    descriptor = load_descriptor<Descriptor>(table + descriptor.next * sizeof(Descriptor));
  }
}

void SplitQueue::push(ChainPlace place, std::uint32_t written) noexcept {
  const std::size_t slot = next_used_ & (size_ - 1U);
  const UsedElement entry{place.id, written};
  std::memcpy(rings_.used + kRing + slot * kUsedEntry, &entry, sizeof(entry));
  ++next_used_;
}

void SplitQueue::step_back(ChainPlace place) noexcept {
  assert(place.end == next_available_);
  next_available_ = static_cast<std::uint16_t>(next_available_ - place.slots);
}

void SplitQueue::flush() noexcept {
  if (published_ == next_used_) {
    return;
  }
  unsignalled_ += distance(published_, next_used_);
  published_ = next_used_;
  // Release: pairs with the driver's barrier between reading the index and the entries: a driver
  // that sees the index sees the entries and the content of the buffers (virtio 1.2, 2.7.8.2).
  store(rings_.used + kIndex, published_, std::memory_order_release);
}

void SplitQueue::ask_for_kick_at(std::uint16_t index) noexcept {
  store(rings_.used + kRing + size_ * kUsedEntry, index, std::memory_order_relaxed);
}

void SplitQueue::disable_kicks() noexcept {
  if (features_.event_index) {
    // An event index that has been passed: the driver reaches it only after a whole lap.
    ask_for_kick_at(static_cast<std::uint16_t>(next_available_ - 1U));
  } else {
    store(rings_.used + kFlags, kNoNotify, std::memory_order_relaxed);
  }
}

bool SplitQueue::enable_kicks() noexcept {
  if (broken()) {
    return false;
  }
  if (features_.event_index) {
    ask_for_kick_at(next_available_);
  } else {
    store(rings_.used + kFlags, std::uint16_t{0}, std::memory_order_relaxed);
  }
  // Either the driver sees the request for a kick, or this thread sees its new index: pairs with
  // the driver's full barrier between publishing an index and checking whether to kick (virtio 1.2,
  // 2.7.13.4.1).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return load<std::uint16_t>(rings_.available + kIndex, std::memory_order_relaxed) !=
         next_available_;
}

bool SplitQueue::needs_signal() noexcept {
  flush();
  const std::uint32_t count = std::exchange(unsignalled_, 0);
  if (count == 0) {
    return false;
  }
  // Either the driver sees the used index, or this thread sees its request for an interrupt: pairs
  // with the driver's full barrier between the request and reading the index again (virtio 1.2,
  // 2.7.14).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!features_.event_index) {
    const auto flags = load<std::uint16_t>(rings_.available + kFlags, std::memory_order_relaxed);
    return (flags & kNoInterrupt) == 0;
  }
  const auto wanted = load<std::uint16_t>(rings_.available + kRing + size_ * kAvailableEntry,
                                          std::memory_order_relaxed);
  return count > UINT16_MAX ||
         passes_event(wanted, published_, static_cast<std::uint16_t>(published_ - count));
}

QueueState SplitQueue::state() noexcept {
  flush();
  return {.next_available = next_available_, .next_used = next_used_};
}

}  // namespace bothy::virtio
