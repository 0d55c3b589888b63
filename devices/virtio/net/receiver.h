// NetReceiver: receives packets from a PacketPort into the buffers of one receive queue, without a
// copy.
#pragma once

#include <sys/uio.h>

#include <boost/circular_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "devices/host/net/packets.h"
#include "devices/virtio/net/direction.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Buffers are taken from the queue ahead of packets. The size of a packet isn't known before it is
// received, so the part that doesn't fit goes into an overflow buffer of the device. That part is
// copied when the driver makes more buffers available; if it doesn't in time, the packet is
// dropped, never truncated. Used by one thread at a time.
class NetReceiver {
 public:
  using Clock = std::chrono::steady_clock;
  // How long a packet that is larger than all available buffers waits for more.
  static constexpr std::chrono::milliseconds kBufferTimeout{100};

  // With `mergeable` a packet may take several chains (VIRTIO_NET_F_MRG_RXBUF). `expected`: how
  // many bytes of buffers to take ahead; packets seldom exceed it, header included. The limit and
  // the counters outlive the object.
  NetReceiver(std::unique_ptr<Queue> queue, bool mergeable, std::size_t expected,
              NetRateLimit& limit, NetCounters& counters);

  // Receives packets until there are no more (kIdle), the driver has no buffers (kNoRoom), or a
  // batch is done (kMore: run again, without a notification).
  [[nodiscard]] NetProgress run(PacketPort& port, Clock::time_point now) noexcept;

  // Whether the driver wants an interrupt for packets received since the last call.
  [[nodiscard]] bool needs_signal() noexcept { return queue_->needs_signal(); }
  // Which rule the driver broke; empty if none.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  // Returns unused buffers to the queue. Returns the state of the queue.
  [[nodiscard]] QueueState stop() noexcept;

 private:
  struct Posted {
    Chain chain;
    std::size_t buffers;   // how many entries of buffers_
    std::size_t capacity;  // in bytes
  };

  [[nodiscard]] NetProgress receive_one(PacketPort& port, Clock::time_point now) noexcept;
  // Takes chains from the queue until they have room for `wanted` bytes, or there are no more.
  void post(std::size_t wanted) noexcept;
  void post_one(Chain chain) noexcept;
  // Receives into the posted buffers, followed by the overflow buffer.
  [[nodiscard]] ReceivedPacket receive_into_buffers(PacketPort& port) noexcept;
  // Completes or drops the current packet. False while the packet waits for buffers.
  [[nodiscard]] bool deliver(Clock::time_point now) noexcept;
  // Completes the chains of the current packet.
  void complete() noexcept;
  void finish_packet() noexcept;
  [[nodiscard]] NetProgress wait_for_buffers() noexcept;
  // Stores bytes at an offset into the posted buffers.
  void store(std::size_t offset, std::span<const std::byte> bytes) noexcept;

  const std::unique_ptr<Queue> queue_;
  const bool mergeable_;
  const std::size_t expected_;
  NetRateLimit& limit_;
  NetCounters& counters_;
  std::string fault_;

  boost::circular_buffer<Posted> posted_;
  std::size_t capacity_ = 0;    // of all posted chains
  std::vector<iovec> buffers_;  // of the posted chains, from first_ on; then the overflow buffer
  std::size_t first_ = 0;
  const std::unique_ptr<std::byte[]> overflow_;

  // The current packet: its size, how much of it is in posted buffers (the rest is in the overflow
  // buffer), and until when it waits for buffers.
  std::size_t size_ = 0;
  std::size_t placed_ = 0;
  std::optional<Clock::time_point> deadline_;
  std::size_t uncharged_ = 0;  // bytes received that the rate limit wasn't charged for
};

}  // namespace bothy::virtio
