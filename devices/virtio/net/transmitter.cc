#include "devices/virtio/net/transmitter.h"

namespace bothy::virtio {
namespace {

// Packets of one turn.
constexpr int kBatch = 64;

}  // namespace

QueueState NetTransmitter::stop() noexcept {
  if (waiting_ && !queue_->broken()) {
    queue_->unpop(std::move(*waiting_));
    waiting_.reset();
  }
  return queue_->state();
}

NetProgress NetTransmitter::run(PacketPort* port, Clock::time_point now) noexcept {
  queue_->disable_kicks();
  for (int left = kBatch; left > 0; --left) {
    if (!waiting_) {
      waiting_ = queue_->pop();
    }
    if (!waiting_) {
      if (queue_->broken()) {
        return {NetProgress::State::kFault};
      }
      if (queue_->enable_kicks()) {
        continue;
      }
      // The port may hold a part of a packet that is already completed.
      const bool stuck = port != nullptr && port->flush() == PacketOutcome::kAgain;
      return {stuck ? NetProgress::State::kNoRoom : NetProgress::State::kIdle};
    }
    const NetProgress progress = send_one(port, now);
    if (progress.state != NetProgress::State::kMore) {
      return progress;
    }
  }
  return {NetProgress::State::kMore};
}

NetProgress NetTransmitter::send_one(PacketPort* port, Clock::time_point now) noexcept {
  const std::uint64_t size = waiting_->reader().remaining();
  PacketOutcome outcome = PacketOutcome::kDropped;
  // A chain of an impossible size is dropped, as a bad packet on a wire is.
  if (port != nullptr && size >= PacketPort::kHeader && size <= PacketPort::kMaxBytes) {
    if (!charged_) {
      if (const auto until = limit_.take(size - PacketPort::kHeader, now)) {
        return {NetProgress::State::kLimited, until};
      }
      charged_ = true;
    }
    outcome = port->send(waiting_->readable());
  }
  if (outcome == PacketOutcome::kAgain) {
    return {NetProgress::State::kNoRoom};
  }
  if (outcome == PacketOutcome::kDone) {
    counters_.count(size - PacketPort::kHeader);
  } else {
    counters_.count_dropped();
  }
  waiting_->complete(0);
  waiting_.reset();
  charged_ = false;
  return {outcome == PacketOutcome::kGone ? NetProgress::State::kDisconnected
                                          : NetProgress::State::kMore};
}

}  // namespace bothy::virtio
