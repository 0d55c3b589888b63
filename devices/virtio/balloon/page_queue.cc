#include "devices/virtio/balloon/page_queue.h"

#include <algorithm>
#include <utility>

namespace bothy::virtio {

BalloonPageQueue::BalloonPageQueue(boost::asio::io_context& executor, ActiveQueue active,
                                   DriverLink& link, const GuestMemory& memory,
                                   ReadRanges read_ranges, std::atomic<std::uint64_t>& returned)
    : link_(link),
      memory_(memory),
      read_ranges_(std::move(read_ranges)),
      returned_(returned),
      queue_(std::move(active.queue)),
      index_(active.index) {
  if (queue_) {
    doorbell_.emplace(executor, *active.kick, [this] { run(); });
    run();
  }
}

QueueState BalloonPageQueue::stop() noexcept {
  doorbell_.reset();
  if (!queue_) {
    return {};
  }
  if (chain_) {
    queue_->unpop(*std::exchange(chain_, std::nullopt));
  }
  return queue_->state();
}

void BalloonPageQueue::run() {
  const bool more = run_turn();
  if (queue_->needs_signal()) {
    link_.signal_queue(index_);
  }
  if (queue_->broken()) {
    return link_.park(queue_->why_broken());
  }
  if (more) {
    doorbell_->call_again();
  }
}

bool BalloonPageQueue::run_turn() {
  queue_->disable_kicks();
  std::uint64_t bytes_left = kMaxBytesPerTurn;
  // A request counts as a range: one that names no pages costs something too.
  for (std::size_t left = kMaxRangesPerTurn; left > 0 && bytes_left > 0; --left) {
    if (!chain_ && !next_request()) {
      return queue_->enable_kicks();
    }
    if (!ranges_.empty()) {
      bytes_left -= discard_next(bytes_left);
    }
    if (ranges_.empty()) {
      chain_->complete(0);
      chain_.reset();
    }
  }
  return true;
}

bool BalloonPageQueue::next_request() {
  chain_ = queue_->pop();
  if (!chain_) {
    return false;
  }
  ranges_ = read_ranges_(*chain_);
  std::ranges::reverse(ranges_);
  return true;
}

std::uint64_t BalloonPageQueue::discard_next(std::uint64_t max_bytes) {
  MemoryRange& range = ranges_.back();
  const std::uint64_t size = std::min(range.size, max_bytes);
  // Pages outside RAM are ignored.
  if (memory_.discard(range.start, size)) {
    returned_ += size;
  }
  range.start += size;
  range.size -= size;
  if (range.size == 0) {
    ranges_.pop_back();
  }
  return size;
}

}  // namespace bothy::virtio
