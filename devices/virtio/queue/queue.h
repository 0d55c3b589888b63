// Queue: the device's side of one virtqueue, all ring arithmetic and every memory barrier.
// Chain: one request of it.
#pragma once

#include <sys/uio.h>

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "devices/virtio/queue/buffers.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// A queue's configuration by the driver (virtio 1.2, 2.6 and 4.2.2): addresses of the descriptor
// area, the driver area and the device area.
struct QueueConfig {
  std::uint16_t size = 0;
  bool ready = false;
  GuestAddress descriptors = 0;
  GuestAddress driver_area = 0;
  GuestAddress device_area = 0;
};

// The saved state of a running queue: its positions in the rings. Split: free-running indices.
// Packed: slots of the ring, each with its wrap counter (virtio 1.2, 2.8.1).
struct QueueState {
  std::uint16_t next_available = 0;
  std::uint16_t next_used = 0;
  bool available_wrap = true;
  bool used_wrap = true;
  friend bool operator==(const QueueState&, const QueueState&) = default;
};

// Ring features as negotiated (virtio 1.2, 6).
struct RingFeatures {
  bool indirect = false;     // VIRTIO_F_INDIRECT_DESC
  bool event_index = false;  // VIRTIO_F_EVENT_IDX
  bool packed = false;       // VIRTIO_F_RING_PACKED
};

class Queue;

// The position of a chain in its ring.
struct ChainPlace {
  std::uint16_t id = 0;     // by which the driver identifies it
  std::uint16_t slots = 0;  // of the ring, taken by it
  std::uint16_t end = 0;    // the position behind it, in the ring's own counting
};

// One request, validated: buffers that the device reads, then buffers that it writes, all in guest
// RAM, at most 4 GiB together. Move-only. complete() is its owner's last act; a chain that is
// destroyed without it is completed with nothing written, so that the driver never loses a
// descriptor. Does not outlive its queue.
class Chain {
 public:
  // An empty chain, filled by its queue.
  explicit Chain(Queue& queue) noexcept : queue_(&queue) {}
  Chain(Chain&& other) noexcept;
  Chain& operator=(Chain&& other) noexcept;
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  ~Chain() {
    if (queue_ != nullptr) {
      complete(0);
    }
  }

  [[nodiscard]] std::span<const iovec> readable() const noexcept {
    return std::span(buffers_).first(readable_);
  }
  [[nodiscard]] std::span<const iovec> writable() const noexcept {
    return std::span(buffers_).subspan(readable_);
  }
  [[nodiscard]] Reader reader() const noexcept { return {readable(), readable_bytes_}; }
  [[nodiscard]] Writer writer() const noexcept { return {writable(), writable_bytes_}; }

  // Returns the chain to the driver, `written` bytes of its writable buffers being the answer. The
  // driver sees it after the next Queue::flush() or needs_signal().
  void complete(std::uint32_t written) noexcept;

 private:
  friend class Queue;
  // Most requests have a handful of buffers, which need no allocation.
  using Buffers = boost::container::small_vector<iovec, 8>;

  Queue* queue_;
  ChainPlace place_;
  std::uint16_t readable_ = 0;
  std::uint64_t readable_bytes_ = 0;
  std::uint64_t writable_bytes_ = 0;
  Buffers buffers_;
};

// A virtqueue, split or packed (virtio 1.2, 2.7 and 2.8). Belongs to one thread at a time. The
// guest is hostile and may change the rings at any moment: each word is read once, and a violation
// makes the queue broken() for good: nothing more is taken from it.
//
// The loop of a worker:
//
//   do {
//     queue.disable_kicks();
//     while (auto chain = queue.pop()) { ...; chain->complete(n); }
//   } while (queue.enable_kicks());
//   if (queue.needs_signal()) interrupt
//
// Completed chains are published together, by flush() or needs_signal(): the driver sees a batch at
// once, and so the merged receive buffers of one packet.
class Queue {
 public:
  static constexpr std::uint16_t kMaxSize = 32768;  // virtio 1.2, 2.7 and 2.8
  // The maximum of one system call (UIO_MAXIOV).
  static constexpr std::size_t kMaxBuffers = 1024;

  // kInvalid when the size is not from 1 to kMaxSize, or no power of two and the queue split; when
  // a part is misaligned or not in RAM; or when no queue of that size can be in that state. The
  // memory outlives the queue.
  [[nodiscard]] static Result<std::unique_ptr<Queue>> create(const GuestMemory& memory,
                                                             const QueueConfig& config,
                                                             RingFeatures features,
                                                             QueueState state = {});
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  virtual ~Queue() = default;

  // The next request; none when the ring is empty, or the queue is broken.
  [[nodiscard]] virtual std::optional<Chain> pop() = 0;
  // Undoes the last pop(): the chain is popped again. Several chains go back in the reverse order.
  void unpop(Chain chain) noexcept;

  [[nodiscard]] bool broken() const noexcept { return broken_; }
  // For the log.
  [[nodiscard]] const std::string& why_broken() const noexcept { return why_broken_; }

  // Suppresses kicks while requests are taken anyway.
  virtual void disable_kicks() noexcept = 0;
  // Requests a kick at the next request. True when one has arrived meanwhile, without a kick: pop()
  // again.
  [[nodiscard]] virtual bool enable_kicks() noexcept = 0;

  // Publishes all chains completed since the last flush, at once.
  virtual void flush() noexcept = 0;
  // Flushes. Whether the driver wants an interrupt for anything flushed since the last call.
  [[nodiscard]] virtual bool needs_signal() noexcept = 0;

  // Flushes, so that the rings agree with the state. Chains not yet completed are lost to a queue
  // that is created from it.
  [[nodiscard]] virtual QueueState state() noexcept = 0;

 protected:
  Queue(const GuestMemory& memory, std::uint16_t size, RingFeatures features) noexcept
      : memory_(memory), size_(size), features_(features) {}

  // Used by both kinds of ring to build chains. False, or nothing: the queue is broken now.
  [[nodiscard]] bool add_buffer(Chain& chain, GuestAddress address, std::uint32_t length,
                                bool writable) {
    // 2.7.4.2 and 2.8.17: what the device writes comes after what it reads.
    if (!writable && chain.readable_ != chain.buffers_.size()) [[unlikely]] {
      return fail("a buffer to read behind one to write");
    }
    if (length == 0) [[unlikely]] {
      return true;
    }
    const auto bytes = memory_.slice(address, length);
    if (!bytes) [[unlikely]] {
      return fail_outside("a buffer", address, length);
    }
    chain.buffers_.push_back({bytes->data(), bytes->size()});
    chain.readable_ = static_cast<std::uint16_t>(chain.readable_ + (writable ? 0U : 1U));
    (writable ? chain.writable_bytes_ : chain.readable_bytes_) += length;
    return true;
  }
  // The last step. A chain is no longer than 2^32 bytes (2.7.5.2).
  [[nodiscard]] bool settle(Chain& chain, ChainPlace place) {
    chain.place_ = place;
    return chain.readable_bytes_ + chain.writable_bytes_ <= std::uint64_t{1} << 32U ||
           fail("a chain of more than 4 GiB");
  }
  // The descriptors of a chain that broke the queue are not returned.
  static void discard(std::optional<Chain>& chain) noexcept {
    chain->queue_ = nullptr;
    chain.reset();
  }
  // A whole number of descriptors, at most kMaxBuffers.
  [[nodiscard]] std::optional<std::span<const std::byte>> indirect_table(GuestAddress address,
                                                                         std::uint32_t length);
  [[gnu::cold]] bool fail(std::string_view why);
  [[gnu::cold]] bool fail_outside(const char* what, GuestAddress address, std::uint32_t length);

  const GuestMemory& memory_;
  const std::uint16_t size_;
  const RingFeatures features_;

 private:
  friend class Chain;

  virtual void push(ChainPlace place, std::uint32_t written) noexcept = 0;
  // Moves back before the chain that was popped last.
  virtual void step_back(ChainPlace place) noexcept = 0;

  bool broken_ = false;
  std::string why_broken_;
};

inline void Chain::complete(std::uint32_t written) noexcept {
  std::exchange(queue_, nullptr)->push(place_, written);
}

}  // namespace bothy::virtio
