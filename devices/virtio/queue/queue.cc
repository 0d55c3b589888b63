#include "devices/virtio/queue/queue.h"

#include "devices/virtio/queue/packed_queue.h"
#include "devices/virtio/queue/ring_layout.h"
#include "devices/virtio/queue/split_queue.h"

namespace bothy::virtio {

Chain::Chain(Chain&& other) noexcept
    : queue_(std::exchange(other.queue_, nullptr)),
      place_(other.place_),
      readable_(other.readable_),
      readable_bytes_(other.readable_bytes_),
      writable_bytes_(other.writable_bytes_),
      buffers_(std::move(other.buffers_)) {}

Chain& Chain::operator=(Chain&& other) noexcept {
  if (this != &other) {
    if (queue_ != nullptr) {
      complete(0);
    }
    queue_ = std::exchange(other.queue_, nullptr);
    place_ = other.place_;
    readable_ = other.readable_;
    readable_bytes_ = other.readable_bytes_;
    writable_bytes_ = other.writable_bytes_;
    buffers_ = std::move(other.buffers_);
  }
  return *this;
}

Result<std::unique_ptr<Queue>> Queue::create(const GuestMemory& memory, const QueueConfig& config,
                                             RingFeatures features, QueueState state) {
  return features.packed ? PackedQueue::create(memory, config, features, state)
                         : SplitQueue::create(memory, config, features, state);
}

void Queue::unpop(Chain chain) noexcept {
  step_back(chain.place_);
  chain.queue_ = nullptr;
}

std::optional<std::span<const std::byte>> Queue::indirect_table(GuestAddress address,
                                                                std::uint32_t length) {
  if (!features_.indirect) {
    fail("an indirect descriptor, which was not negotiated");
    return std::nullopt;
  }
  if (length == 0 || length % sizeof(Descriptor) != 0 ||
      length > kMaxBuffers * sizeof(Descriptor)) {
    fail(fmt::format("an indirect table of {} bytes", length));
    return std::nullopt;
  }
  const auto table = memory_.slice(address, length);
  if (!table) {
    fail_outside("an indirect table", address, length);
    return std::nullopt;
  }
  return *table;
}

bool Queue::fail(std::string_view why) {
  broken_ = true;
  why_broken_ = why;
  return false;
}

bool Queue::fail_outside(const char* what, GuestAddress address, std::uint32_t length) {
  return fail(fmt::format("{} of {} bytes at {:#x}, not in RAM", what, length, address));
}

}  // namespace bothy::virtio
