// NetTransmitter: packets of one transmit queue to a PacketPort, straight from guest memory.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "devices/host/net/packets.h"
#include "devices/virtio/net/traffic.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// One thread at a time.
class NetTransmitter {
 public:
  using Clock = std::chrono::steady_clock;

  // The limit and the counters outlive it.
  NetTransmitter(std::unique_ptr<Queue> queue, TrafficLimit& limit, TrafficCounters& counters)
      : queue_(std::move(queue)), limit_(limit), counters_(counters) {}

  // Sends what the driver has queued, until there is no more, the port takes no more (kNoRoom), or
  // a batch is done (kMore: nothing tells that there is more, so run again). Without a port packets
  // are dropped, so that the driver gets its buffers back. After kIdle the driver kicks.
  [[nodiscard]] Progress run(PacketPort* port, Clock::time_point now) noexcept;

  // Whether the driver wants an interrupt for what was sent since the last call.
  [[nodiscard]] bool needs_signal() noexcept { return queue_->needs_signal(); }
  // What rule the driver broke; empty while it broke none.
  [[nodiscard]] const std::string& fault() const noexcept { return queue_->why_broken(); }
  // Gives a packet that waits back to the queue, and says where it stands.
  [[nodiscard]] QueueState stop() noexcept;

 private:
  // Done with the chain, whatever came of it, unless it must wait.
  [[nodiscard]] Progress send_one(PacketPort* port, Clock::time_point now) noexcept;

  const std::unique_ptr<Queue> queue_;
  TrafficLimit& limit_;
  TrafficCounters& counters_;
  std::optional<Chain> waiting_;  // for room in the port, or for the rate limit
  bool paid_ = false;             // what the rate limit takes for it
};

}  // namespace bothy::virtio
