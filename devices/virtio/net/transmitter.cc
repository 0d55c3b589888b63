#include "devices/virtio/net/transmitter.h"

namespace bothy::virtio {
namespace {

// Packets between two looks at what else there is to do.
constexpr int kBatch = 64;

}  // namespace

QueueState NetTransmitter::stop() noexcept {
  if (waiting_ && !queue_->broken()) {
    queue_->unpop(std::move(*waiting_));
    waiting_.reset();
  }
  return queue_->state();
}

Progress NetTransmitter::run(PacketPort* port, Clock::time_point now) noexcept {
  queue_->disable_kicks();
  for (int left = kBatch; left > 0; --left) {
    if (!waiting_) {
      waiting_ = queue_->pop();
    }
    if (!waiting_) {
      if (queue_->broken()) {
        return {Progress::State::kFault};
      }
      if (queue_->enable_kicks()) {
        continue;
      }
      // What the port keeps of a packet is no longer the queue's.
      const bool stuck = port != nullptr && port->flush() == PacketOutcome::kAgain;
      return {stuck ? Progress::State::kNoRoom : Progress::State::kIdle};
    }
    const Progress progress = send_one(port, now);
    if (progress.state != Progress::State::kMore) {
      return progress;
    }
  }
  return {Progress::State::kMore};
}

Progress NetTransmitter::send_one(PacketPort* port, Clock::time_point now) noexcept {
  const std::uint64_t size = waiting_->reader().remaining();
  PacketOutcome outcome = PacketOutcome::kDropped;
  // A chain that holds no packet is not worth parking the device for: it is lost, as on a wire.
  if (port != nullptr && size >= PacketPort::kHeader && size <= PacketPort::kMostBytes) {
    if (!paid_) {
      if (const auto until = limit_.take(size - PacketPort::kHeader, now)) {
        return {Progress::State::kLimited, until};
      }
      paid_ = true;
    }
    outcome = port->send(waiting_->readable());
  }
  if (outcome == PacketOutcome::kAgain) {
    return {Progress::State::kNoRoom};
  }
  if (outcome == PacketOutcome::kDone) {
    counters_.count(size - PacketPort::kHeader);
  } else {
    counters_.count_dropped();
  }
  waiting_->complete(0);
  waiting_.reset();
  paid_ = false;
  return {outcome == PacketOutcome::kGone ? Progress::State::kGone : Progress::State::kMore};
}

}  // namespace bothy::virtio
