// Balloon: the memory balloon device (virtio 1.2, 5.5), by which a guest returns memory to the
// host.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "devices/virtio/balloon/page_queue.h"
#include "devices/virtio/balloon/statistics.h"
#include "devices/virtio/device.h"
#include "devices/virtio/queue/queue_worker.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

struct BalloonConfig {
  std::uint64_t size = 0;            // target size: bytes, a multiple of 4 KiB
  bool deflate_on_oom = false;       // the guest may deflate rather than kill processes
  bool free_page_reporting = false;  // the guest reports free pages, which are returned
  std::uint32_t stats_seconds = 0;   // interval between statistics; 0: none
};

struct BalloonStatus {
  std::uint64_t target = 0;    // bytes
  std::uint64_t actual = 0;    // bytes in the balloon, as the guest says
  std::uint64_t inflated = 0;  // bytes returned to the host since the start, by the balloon
  std::uint64_t reported = 0;  // likewise, by free page reporting
  std::optional<BalloonStatistics> statistics;  // the latest
};

// Pages that the guest gives up are returned to the host at once; the guest gets them back by
// touching them. Pages outside RAM are ignored.
class Balloon final : public Device {
 public:
  // kInvalid for a size that isn't a multiple of 4 KiB or is larger than the memory. The memory and
  // the executor outlive the device.
  [[nodiscard]] static Result<std::unique_ptr<Balloon>> create(const BalloonConfig& config,
                                                               const GuestMemory& memory,
                                                               boost::asio::io_context& executor);

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kBalloon; }
  [[nodiscard]] std::uint64_t features() const noexcept override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override;
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

  // Changes the target size: bytes. kInvalid as create(). Any thread.
  [[nodiscard]] Result<void> set_size(std::uint64_t size);
  // Any thread.
  [[nodiscard]] BalloonStatus status() const;

 private:
  Balloon(const BalloonConfig& config, const GuestMemory& memory,
          boost::asio::io_context& executor) noexcept;

  const BalloonConfig config_;
  const GuestMemory& memory_;
  boost::asio::io_context& executor_;

  std::atomic<std::uint32_t> target_pages_;
  std::atomic<std::uint32_t> actual_pages_{0};
  std::atomic<std::uint64_t> inflated_{0};
  std::atomic<std::uint64_t> reported_{0};
  mutable std::mutex statistics_mutex_;
  std::optional<BalloonStatistics> latest_;

  // While running.
  DriverLink* link_ = nullptr;
  std::unique_ptr<BalloonPageQueue> inflate_;
  std::unique_ptr<QueueWorker> deflate_;
  std::unique_ptr<BalloonStatisticsQueue> statistics_;  // null: not negotiated
  std::unique_ptr<BalloonPageQueue> reporting_;         // likewise
  std::size_t reporting_index_ = 0;
};

}  // namespace bothy::virtio
