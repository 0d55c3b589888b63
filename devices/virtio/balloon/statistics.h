// BalloonStatistics: memory statistics that the guest reports (virtio 1.2, 5.5.6.4).
// BalloonStatisticsQueue: the queue by which it does.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/timer.h"
#include "devices/virtio/device.h"
#include "devices/virtio/queue/buffers.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

// By tag: those of virtio 1.2 (5.5.6.4) and those that Linux has added since. Amounts of memory are
// in bytes, all others are counts since the guest's start. The values are the guest's and not
// checked.
inline constexpr std::array<std::string_view, 16> kBalloonStatisticNames{
    "swap-in",         "swap-out",         "major-faults",     "minor-faults",
    "free-memory",     "total-memory",     "available-memory", "disk-caches",
    "huge-page-taken", "huge-page-failed", "oom-kills",        "allocation-stalls",
    "async-scans",     "direct-scans",     "async-reclaims",   "direct-reclaims"};

struct BalloonStatistics {
  std::array<std::optional<std::uint64_t>, kBalloonStatisticNames.size()> values;
};

// Skips unknown tags.
[[nodiscard]] BalloonStatistics read_balloon_statistics(Reader reader) noexcept;

// The driver makes one buffer with statistics available; the device uses the buffer to request new
// ones (5.5.6.3). All functions run on the executor.
class BalloonStatisticsQueue {
 public:
  using OnStatistics = std::function<void(const BalloonStatistics&)>;

  // `active.queue` is not null. `link` outlives this object. `on_statistics` is called for each
  // buffer.
  BalloonStatisticsQueue(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link,
                         std::chrono::milliseconds interval, OnStatistics on_statistics);

  BalloonStatisticsQueue(const BalloonStatisticsQueue&) = delete;
  BalloonStatisticsQueue& operator=(const BalloonStatisticsQueue&) = delete;

  // No callback comes after that.
  QueueState stop() noexcept;

 private:
  void take_buffer();
  void request_update();

  std::unique_ptr<Queue> queue_;
  const std::uint16_t index_;
  DriverLink& link_;
  const std::chrono::milliseconds interval_;
  const OnStatistics on_statistics_;
  std::optional<Chain> held_;  // the driver's buffer, until new statistics are due
  bool broken_ = false;
  Timer timer_;
  std::optional<Doorbell> doorbell_;
};

}  // namespace bothy::virtio
