// NetTransmitter: sends the packets of one transmit queue to a PacketPort, without a copy.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "devices/host/net/packets.h"
#include "devices/virtio/net/direction.h"
#include "devices/virtio/queue/queue.h"

namespace bothy::virtio {

// Used by one thread at a time.
class NetTransmitter {
 public:
  using Clock = std::chrono::steady_clock;

  // The limit and the counters outlive it.
  NetTransmitter(std::unique_ptr<Queue> queue, NetRateLimit& limit, NetCounters& counters)
      : queue_(std::move(queue)), limit_(limit), counters_(counters) {}

  // Sends available packets until there are no more (kIdle: the driver notifies of the next one),
  // the port is full (kNoRoom), or a batch is done (kMore: run again, without a notification).
  // Without a port packets are dropped, so that the driver gets its buffers back.
  [[nodiscard]] NetProgress run(PacketPort* port, Clock::time_point now) noexcept;

  // Whether the driver wants an interrupt for packets sent since the last call.
  [[nodiscard]] bool needs_signal() noexcept { return queue_->needs_signal(); }
  // Which rule the driver broke; empty if none.
  [[nodiscard]] const std::string& fault() const noexcept { return queue_->why_broken(); }
  // Returns a waiting packet to the queue. Returns the state of the queue.
  [[nodiscard]] QueueState stop() noexcept;

 private:
  // Completes the chain, sent or dropped, unless it has to wait.
  [[nodiscard]] NetProgress send_one(PacketPort* port, Clock::time_point now) noexcept;

  const std::unique_ptr<Queue> queue_;
  NetRateLimit& limit_;
  NetCounters& counters_;
  std::optional<Chain> waiting_;  // for the port, or for the rate limit
  bool charged_ = false;          // the rate limit was charged for waiting_
};

}  // namespace bothy::virtio
