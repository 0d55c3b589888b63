// BalloonStatistics: what a guest says of its own memory.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "devices/virtio/device.h"
#include "devices/virtio/queue/buffers.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

// By tag (virtio 1.2, 5.5.6.4), and those that Linux has added since: bytes for amounts of memory,
// counts since the guest's start for the rest. A guest may lie.
inline constexpr std::array<std::string_view, 16> kBalloonStatisticNames{
    "swap-in",         "swap-out",         "major-faults",     "minor-faults",
    "free-memory",     "total-memory",     "available-memory", "disk-caches",
    "huge-page-taken", "huge-page-failed", "oom-kills",        "allocation-stalls",
    "async-scans",     "direct-scans",     "async-reclaims",   "direct-reclaims"};

struct BalloonStatistics {
  std::array<std::optional<std::uint64_t>, kBalloonStatisticNames.size()> values;
};

// Tags that aren't known are skipped.
[[nodiscard]] BalloonStatistics read_balloon_statistics(Reader reader) noexcept;

// The queue that a guest tells them by: it offers one request, which it gets back when we want to
// know more (5.5.6.3). All functions run on the executor.
class BalloonStatisticsQueue {
 public:
  using OnStatistics = std::function<void(const BalloonStatistics&)>;

  // `active` has a queue. `link` outlives this object.
  BalloonStatisticsQueue(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link,
                         std::chrono::milliseconds interval, OnStatistics on_statistics);

  ~BalloonStatisticsQueue() { *alive_ = false; }
  BalloonStatisticsQueue(const BalloonStatisticsQueue&) = delete;
  BalloonStatisticsQueue& operator=(const BalloonStatisticsQueue&) = delete;

  // Nothing is told after that.
  QueueState stop() noexcept;

 private:
  void take();
  void wait_and_ask();

  std::unique_ptr<Queue> queue_;
  const std::uint16_t index_;
  DriverLink& link_;
  const std::chrono::milliseconds interval_;
  const OnStatistics on_statistics_;
  std::optional<Chain> held_;
  boost::asio::steady_timer timer_;
  std::optional<Doorbell> doorbell_;
  // Handlers that are under way when this goes find it gone by this.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bothy::virtio
