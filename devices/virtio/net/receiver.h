// NetReceiver: packets of a PacketPort straight into the buffers of one receive queue.
#pragma once

#include <sys/uio.h>

#include <boost/circular_buffer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "devices/host/net/packets.h"
#include "devices/virtio/net/traffic.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Buffers are taken from the queue ahead of the packets that they are for. A packet's size isn't
// known before it is read, so what might not fit goes on into a spill of our own: it follows when
// the driver brings more buffers, and the packet is dropped, never cut, when it doesn't in time.
// One thread at a time.
class NetReceiver {
 public:
  using Clock = std::chrono::steady_clock;
  // How long a packet that is larger than all buffers at hand waits for more.
  static constexpr std::chrono::milliseconds kPatience{100};

  // With `mergeable` a packet may take several buffers (VIRTIO_NET_F_MRG_RXBUF). `expected` is the
  // size that packets seldom exceed, header included. The limit and the counters outlive it.
  NetReceiver(std::unique_ptr<Queue> queue, bool mergeable, std::size_t expected,
              TrafficLimit& limit, TrafficCounters& counters);

  // Moves packets until there are none, the driver has no room, or a batch is done. kMore: nothing
  // tells that there is more, so run again.
  [[nodiscard]] Progress run(PacketPort& port, Clock::time_point now) noexcept;

  // Whether the driver wants an interrupt for what was received since the last call.
  [[nodiscard]] bool needs_signal() noexcept { return queue_->needs_signal(); }
  // What rule the driver broke; empty while it broke none.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  // Gives the buffers that hold no packet back to the queue, and says where it stands.
  [[nodiscard]] QueueState stop() noexcept;

 private:
  struct Posted {
    Chain chain;
    std::size_t buffers;   // how many of buffers_ are its
    std::size_t capacity;  // in bytes
  };

  [[nodiscard]] Progress receive_one(PacketPort& port, Clock::time_point now) noexcept;
  // Takes chains from the queue until there is room for `wanted` bytes, or there are no more.
  void post(std::size_t wanted) noexcept;
  void post_one(Chain chain) noexcept;
  // Into the posted buffers, and the spill behind them.
  [[nodiscard]] ReceivedPacket receive_into_room(PacketPort& port) noexcept;
  // False while the packet at hand waits for room.
  [[nodiscard]] bool deliver(Clock::time_point now) noexcept;
  // Gives the driver the packet at hand, in as many chains as it takes.
  void complete() noexcept;
  void finish_packet() noexcept;
  [[nodiscard]] Progress wait_for_buffers() noexcept;
  // Stores bytes at an offset of the posted buffers.
  void store(std::size_t offset, std::span<const std::byte> bytes) noexcept;

  const std::unique_ptr<Queue> queue_;
  const bool mergeable_;
  const std::size_t expected_;
  TrafficLimit& limit_;
  TrafficCounters& counters_;
  std::string fault_;

  boost::circular_buffer<Posted> posted_;
  std::size_t capacity_ = 0;    // of all that is posted
  std::vector<iovec> buffers_;  // of the posted chains, from first_ on; then the spill
  std::size_t first_ = 0;
  const std::unique_ptr<std::byte[]> spill_;

  // The packet at hand: its size, how much of it lies in posted buffers, the rest being in the
  // spill, and until when it waits.
  std::size_t size_ = 0;
  std::size_t placed_ = 0;
  std::optional<Clock::time_point> deadline_;
  std::size_t unpaid_ = 0;  // bytes received that the rate limit has not been asked for
};

}  // namespace bothy::virtio
