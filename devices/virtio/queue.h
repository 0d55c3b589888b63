// Queue: the device's side of one virtqueue, all ring arithmetic and every memory barrier.
// Chain: one request of it.
#pragma once

#include <sys/uio.h>

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "devices/virtio/buffers.h"
#include "vmm/base/result.h"
#include "vmm/memory/guest_memory.h"

namespace bothy::virtio {

// What the driver has set of a queue (virtio 1.2, 2.6 and 4.2.2): addresses of the descriptor
// table, the driver area and the device area.
struct QueueConfig {
  std::uint16_t size = 0;
  bool ready = false;
  GuestAddress descriptors = 0;
  GuestAddress driver_area = 0;
  GuestAddress device_area = 0;
};

// What of a running queue is saved: where it stands in the rings.
struct QueueState {
  std::uint16_t next_available = 0;
  std::uint16_t next_used = 0;
  friend bool operator==(const QueueState&, const QueueState&) = default;
};

// Ring features as negotiated (virtio 1.2, 6).
struct RingFeatures {
  bool indirect = false;     // VIRTIO_F_INDIRECT_DESC
  bool event_index = false;  // VIRTIO_F_EVENT_IDX
};

class Queue;

// One request, validated: buffers that the device reads, then buffers that it writes, all in guest
// RAM. Move-only. complete() is its owner's last act; a chain that goes without it is completed
// with nothing written, so that the driver never loses a descriptor. Doesn't outlive its queue.
class Chain {
 public:
  Chain(Chain&& other) noexcept;
  Chain& operator=(Chain&& other) noexcept;
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  ~Chain();

  [[nodiscard]] std::span<const iovec> readable() const noexcept {
    return std::span(buffers_).first(readable_);
  }
  [[nodiscard]] std::span<const iovec> writable() const noexcept {
    return std::span(buffers_).subspan(readable_);
  }
  [[nodiscard]] Reader reader() const noexcept { return Reader(readable()); }
  [[nodiscard]] Writer writer() const noexcept { return Writer(writable()); }

  // Gives it back to the driver, `written` bytes of the writable buffers being the answer.
  void complete(std::uint32_t written) noexcept;

 private:
  friend class Queue;
  // Requests of most devices have a handful of buffers: those take no allocation.
  using Buffers = boost::container::small_vector<iovec, 8>;

  Chain(Queue& queue, std::uint16_t head) noexcept : queue_(&queue), head_(head) {}

  Queue* queue_;
  std::uint16_t head_;
  std::size_t readable_ = 0;
  Buffers buffers_;
};

// A split virtqueue (virtio 1.2, 2.7). Belongs to one thread at a time. The guest is hostile: what
// breaks the ring's rules makes the queue broken() for good, and nothing more is taken from it.
//
// The loop of a worker:
//
//   do {
//     queue.disable_kicks();
//     while (auto chain = queue.pop()) { ...; chain->complete(n); }
//   } while (queue.enable_kicks());
//   if (queue.needs_signal()) interrupt
class Queue {
 public:
  static constexpr std::uint16_t kMaxSize = 32768;  // virtio 1.2, 2.7
  // No request has more buffers than one system call takes (UIO_MAXIOV).
  static constexpr std::size_t kMaxBuffers = 1024;

  // kInvalid when the size is no power of two up to kMaxSize, or a part is misaligned or not in
  // RAM. The memory outlives the queue.
  [[nodiscard]] static Result<std::unique_ptr<Queue>> create(const GuestMemory& memory,
                                                             const QueueConfig& config,
                                                             RingFeatures features,
                                                             QueueState state = {});
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() = default;

  // The next request; nothing when there is none, or the queue is broken.
  [[nodiscard]] std::optional<Chain> pop();

  [[nodiscard]] bool broken() const noexcept { return !why_broken_.empty(); }
  // In words, for the log.
  [[nodiscard]] const std::string& why_broken() const noexcept { return why_broken_; }

  // Asks the driver not to kick while requests are taken anyway.
  void disable_kicks() noexcept;
  // Asks it to kick at the next request. True when one has come meanwhile, without a kick: look
  // again.
  [[nodiscard]] bool enable_kicks() noexcept;
  // Whether the driver wants an interrupt for what was completed since the last call.
  [[nodiscard]] bool needs_signal() noexcept;

  [[nodiscard]] QueueState state() const noexcept { return {next_available_, next_used_}; }

 private:
  friend class Chain;

  struct Rings {
    std::byte* descriptors;
    std::byte* available;
    std::byte* used;
  };

  Queue(const GuestMemory& memory, std::uint16_t size, RingFeatures features, const Rings& rings,
        QueueState state) noexcept;

  [[nodiscard]] bool collect(Chain& chain);
  // False, and the queue broken, when the chain that begins at `head` of the table breaks a rule.
  [[nodiscard]] bool walk(Chain& chain, const std::byte* table, std::size_t entries,
                          std::size_t head, bool indirect);
  [[nodiscard]] bool add_buffer(Chain& chain, GuestAddress address, std::uint32_t length,
                                bool writable);
  bool fail(std::string why);
  void push(std::uint16_t head, std::uint32_t written) noexcept;

  const GuestMemory& memory_;
  const std::uint16_t size_;
  const RingFeatures features_;
  const Rings rings_;
  std::uint16_t next_available_;
  std::uint16_t next_used_;
  std::uint16_t signalled_used_;  // next_used_ when needs_signal() last looked
  std::string why_broken_;
};

}  // namespace bothy::virtio
