#include "devices/virtio/queue.h"

#include <atomic>
#include <bit>
#include <utility>

#include "devices/virtio/ring_layout.h"

namespace bothy::virtio {
namespace {

static_assert(std::endian::native == std::endian::little, "rings are little-endian");

// Offsets into the driver area and the device area (virtio 1.2, 2.7.6 and 2.7.8). The event index
// of each follows its ring.
constexpr std::size_t kFlags = 0;
constexpr std::size_t kIndex = 2;
constexpr std::size_t kRing = 4;
constexpr std::size_t kAvailableEntry = sizeof(std::uint16_t);
constexpr std::size_t kUsedEntry = sizeof(UsedElement);
constexpr std::size_t kEvent = sizeof(std::uint16_t);

std::uint16_t load16(std::byte* at, std::memory_order order) noexcept {
  return std::atomic_ref(*reinterpret_cast<std::uint16_t*>(at)).load(order);
}

void store16(std::byte* at, std::uint16_t value, std::memory_order order) noexcept {
  std::atomic_ref(*reinterpret_cast<std::uint16_t*>(at)).store(value, order);
}

Descriptor load_descriptor(const std::byte* table, std::size_t index) noexcept {
  Descriptor descriptor;
  std::memcpy(&descriptor, table + index * sizeof(descriptor), sizeof(descriptor));
  return descriptor;
}

Result<std::byte*> place(const GuestMemory& memory, const char* what, GuestAddress address,
                         std::size_t length, std::size_t alignment) {
  const auto bytes = memory.slice(address, length);
  if (!bytes || address % alignment != 0) {
    return make_error(ErrorCode::kInvalid, "its {} at {:#x} is {}", what, address,
                      bytes ? "misaligned" : "not in RAM");
  }
  return bytes->data();
}

}  // namespace

Chain::Chain(Chain&& other) noexcept
    : queue_(std::exchange(other.queue_, nullptr)),
      head_(other.head_),
      readable_(other.readable_),
      buffers_(std::move(other.buffers_)) {}

Chain& Chain::operator=(Chain&& other) noexcept {
  if (this != &other) {
    if (queue_ != nullptr) {
      complete(0);
    }
    queue_ = std::exchange(other.queue_, nullptr);
    head_ = other.head_;
    readable_ = other.readable_;
    buffers_ = std::move(other.buffers_);
  }
  return *this;
}

Chain::~Chain() {
  if (queue_ != nullptr) {
    complete(0);
  }
}

void Chain::complete(std::uint32_t written) noexcept {
  std::exchange(queue_, nullptr)->push(head_, written);
}

Result<std::unique_ptr<Queue>> Queue::create(const GuestMemory& memory, const QueueConfig& config,
                                             RingFeatures features, QueueState state) {
  if (!std::has_single_bit(config.size) || config.size > kMaxSize) {
    return make_error(ErrorCode::kInvalid, "its size of {} is no power of two up to {}",
                      config.size, kMaxSize);
  }
  const std::size_t size = config.size;
  Rings rings{};
  // Alignments: virtio 1.2, 2.7.
  BOTHY_TRY(rings.descriptors,
            place(memory, "descriptor table", config.descriptors, size * sizeof(Descriptor), 16));
  BOTHY_TRY(rings.available, place(memory, "driver area", config.driver_area,
                                   kRing + size * kAvailableEntry + kEvent, 2));
  BOTHY_TRY(rings.used, place(memory, "device area", config.device_area,
                              kRing + size * kUsedEntry + kEvent, 4));
  return std::unique_ptr<Queue>(new Queue(memory, config.size, features, rings, state));
}

Queue::Queue(const GuestMemory& memory, std::uint16_t size, RingFeatures features,
             const Rings& rings, QueueState state) noexcept
    : memory_(memory),
      size_(size),
      features_(features),
      rings_(rings),
      next_available_(state.next_available),
      next_used_(state.next_used),
      signalled_used_(state.next_used) {}

std::optional<Chain> Queue::pop() {
  if (broken()) {
    return std::nullopt;
  }
  // Acquire: pairs with the driver's barrier between filling an entry and showing its index.
  const std::uint16_t shown = load16(rings_.available + kIndex, std::memory_order_acquire);
  const auto waiting = static_cast<std::uint16_t>(shown - next_available_);
  if (waiting == 0) {
    return std::nullopt;
  }
  if (waiting > size_) {
    fail(fmt::format("its available index jumped from {} to {}", next_available_, shown));
    return std::nullopt;
  }
  const std::size_t slot = next_available_ & (size_ - 1U);
  const std::uint16_t head =
      load16(rings_.available + kRing + slot * kAvailableEntry, std::memory_order_relaxed);
  if (head >= size_) {
    fail(fmt::format("it offers descriptor {} of {}", head, size_));
    return std::nullopt;
  }
  ++next_available_;
  Chain chain(*this, head);
  if (!collect(chain)) {
    chain.queue_ = nullptr;  // a broken ring is not written to
    return std::nullopt;
  }
  return chain;
}

bool Queue::collect(Chain& chain) {
  const Descriptor first = load_descriptor(rings_.descriptors, chain.head_);
  if ((first.flags & kDescriptorIndirect) == 0) {
    return walk(chain, rings_.descriptors, size_, chain.head_, false);
  }
  // virtio 1.2, 2.7.5.3.
  if (!features_.indirect) {
    return fail("an indirect descriptor, which was not negotiated");
  }
  if ((first.flags & kDescriptorNext) != 0) {
    return fail("an indirect descriptor that goes on");
  }
  const std::size_t entries = first.length / sizeof(Descriptor);
  if (first.length % sizeof(Descriptor) != 0 || entries == 0 || entries > kMaxBuffers) {
    return fail(fmt::format("an indirect table of {} bytes", first.length));
  }
  const auto table = memory_.slice(first.address, first.length);
  if (!table) {
    return fail(fmt::format("an indirect table at {:#x}, not in RAM", first.address));
  }
  return walk(chain, table->data(), entries, 0, true);
}

bool Queue::walk(Chain& chain, const std::byte* table, std::size_t entries, std::size_t head,
                 bool indirect) {
  const std::size_t most = std::min(entries, kMaxBuffers);
  std::size_t index = head;
  for (std::size_t count = 0; count < most; ++count) {
    const Descriptor descriptor = load_descriptor(table, index);
    if ((descriptor.flags & kDescriptorIndirect) != 0) {
      return fail(indirect ? "an indirect table in an indirect table"
                           : "an indirect descriptor in the midst of a chain");
    }
    if (!add_buffer(chain, descriptor.address, descriptor.length,
                    (descriptor.flags & kDescriptorWrite) != 0)) {
      return false;
    }
    if ((descriptor.flags & kDescriptorNext) == 0) {
      return true;
    }
    index = descriptor.next;
    if (index >= entries) {
      return fail(fmt::format("a chain that goes on at descriptor {} of {}", index, entries));
    }
  }
  return fail("a chain that is too long or never ends");
}

bool Queue::add_buffer(Chain& chain, GuestAddress address, std::uint32_t length, bool writable) {
  // virtio 1.2, 2.7.4.2: what the device writes comes after what it reads.
  if (!writable && chain.readable_ != chain.buffers_.size()) {
    return fail("a buffer to read behind one to write");
  }
  if (length == 0) {
    return true;
  }
  const auto bytes = memory_.slice(address, length);
  if (!bytes) {
    return fail(fmt::format("a buffer of {} bytes at {:#x}, not in RAM", length, address));
  }
  chain.buffers_.push_back({bytes->data(), bytes->size()});
  chain.readable_ += writable ? 0U : 1U;
  return true;
}

bool Queue::fail(std::string why) {
  why_broken_ = std::move(why);
  return false;
}

void Queue::push(std::uint16_t head, std::uint32_t written) noexcept {
  const std::size_t slot = next_used_ & (size_ - 1U);
  const UsedElement entry{head, written};
  std::memcpy(rings_.used + kRing + slot * kUsedEntry, &entry, sizeof(entry));
  ++next_used_;
  // Release: the driver that sees the index sees the entry, and what was written to the buffers.
  store16(rings_.used + kIndex, next_used_, std::memory_order_release);
}

void Queue::disable_kicks() noexcept {
  // With event indices an index that is not moved asks for no kick by itself.
  if (!features_.event_index) {
    store16(rings_.used + kFlags, kNoNotify, std::memory_order_relaxed);
  }
}

bool Queue::enable_kicks() noexcept {
  if (broken()) {
    return false;
  }
  if (features_.event_index) {
    store16(rings_.used + kRing + size_ * kUsedEntry, next_available_, std::memory_order_relaxed);
  } else {
    store16(rings_.used + kFlags, 0, std::memory_order_relaxed);
  }
  // Either the driver sees that we want a kick, or we see its new index: pairs with the driver's
  // full barrier between showing an index and looking whether to kick (virtio 1.2, 2.7.13.4.1).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return load16(rings_.available + kIndex, std::memory_order_relaxed) != next_available_;
}

bool Queue::needs_signal() noexcept {
  const std::uint16_t before = std::exchange(signalled_used_, next_used_);
  if (before == next_used_) {
    return false;
  }
  // Pairs with the driver's barrier between asking for an interrupt and looking at the used index
  // (virtio 1.2, 2.7.14).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!features_.event_index) {
    const std::uint16_t flags = load16(rings_.available + kFlags, std::memory_order_relaxed);
    return (flags & kNoInterrupt) == 0;
  }
  const std::uint16_t wanted =
      load16(rings_.available + kRing + size_ * kAvailableEntry, std::memory_order_relaxed);
  return passes_event(wanted, next_used_, before);
}

}  // namespace bothy::virtio
