#include "devices/virtio/balloon/statistics.h"

#include <utility>

namespace bothy::virtio {
namespace {

// A buffer has one entry per tag; entries beyond this number are ignored.
constexpr int kMaxEntries = 64;

}  // namespace

BalloonStatistics read_balloon_statistics(Reader reader) noexcept {
  BalloonStatistics statistics;
  for (int i = 0; i < kMaxEntries; ++i) {
    const auto tag = reader.read<std::uint16_t>();
    const auto value = reader.read<std::uint64_t>();
    if (!tag || !value) {
      break;
    }
    if (*tag < statistics.values.size()) {
      statistics.values.at(*tag) = *value;
    }
  }
  return statistics;
}

BalloonStatisticsQueue::BalloonStatisticsQueue(boost::asio::io_context& executor,
                                               ActiveQueue active, DriverLink& link,
                                               std::chrono::milliseconds interval,
                                               OnStatistics on_statistics)
    : queue_(std::move(active.queue)),
      index_(active.index),
      link_(link),
      interval_(interval),
      on_statistics_(std::move(on_statistics)),
      timer_(executor) {
  doorbell_.emplace(executor, *active.kick, [this] { take_buffer(); });
  take_buffer();
  timer_.start(interval_, [this] { request_update(); });
}

void BalloonStatisticsQueue::take_buffer() {
  if (held_ || broken_) {
    return;  // one buffer at a time
  }
  do {
    held_ = queue_->pop();
  } while (!held_ && queue_->enable_kicks());
  if (held_) {
    on_statistics_(read_balloon_statistics(held_->reader()));
  } else if (queue_->broken()) {
    broken_ = true;
    timer_.cancel();
    link_.park(queue_->why_broken());
  }
}

void BalloonStatisticsQueue::request_update() {
  timer_.start(interval_, [this] { request_update(); });
  if (held_) {
    std::exchange(held_, std::nullopt)->complete(0);
    if (queue_->needs_signal()) {
      link_.signal_queue(index_);
    }
    take_buffer();
  }
}

QueueState BalloonStatisticsQueue::stop() noexcept {
  timer_.cancel();
  doorbell_.reset();
  if (held_) {
    queue_->unpop(*std::exchange(held_, std::nullopt));
  }
  return queue_->state();
}

}  // namespace bothy::virtio
