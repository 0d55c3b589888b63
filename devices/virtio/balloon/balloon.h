// Balloon: the memory balloon (virtio 1.2, 5.5): the guest's memory, given back to the host.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "devices/virtio/balloon/statistics.h"
#include "devices/virtio/device.h"
#include "devices/virtio/queue/queue_worker.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// What a user can choose.
struct BalloonConfig {
  std::uint64_t size = 0;            // bytes that the guest is to give up, a multiple of 4 KiB
  bool deflate_on_oom = false;       // the guest takes them back rather than kill its programs
  bool free_page_reporting = false;  // what the guest doesn't use comes back by itself
  std::uint32_t stats_seconds = 0;   // how often the guest is asked for statistics; 0: never
};

struct BalloonStatus {
  std::uint64_t target = 0;    // bytes that the guest is to give up
  std::uint64_t actual = 0;    // bytes that it says it has given up
  std::uint64_t inflated = 0;  // bytes returned to the host since the start: by the balloon,
  std::uint64_t reported = 0;  // and as free pages
  std::optional<BalloonStatistics> statistics;  // the latest, if the guest has told any
};

// The guest gives up pages by naming them, and their memory goes back to the host at once; it takes
// them back by touching them. Pages outside RAM are ignored.
class Balloon final : public Device {
 public:
  // kInvalid for a size that isn't whole pages or more than there is. All but the config outlives
  // it; the context is its executor.
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

  // Tells the guest to give up this much: bytes. kInvalid as create(). Any thread.
  [[nodiscard]] Result<void> set_size(std::uint64_t size);
  // Any thread.
  [[nodiscard]] BalloonStatus status() const;

 private:
  static constexpr std::size_t kQueues = 5;

  Balloon(const BalloonConfig& config, const GuestMemory& memory,
          boost::asio::io_context& executor) noexcept;
  void inflate(Chain chain) noexcept;
  void report(Chain chain) noexcept;

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
  std::array<std::unique_ptr<QueueWorker>, kQueues> workers_;  // by queue; null for statistics
  std::unique_ptr<BalloonStatisticsQueue> statistics_;
};

}  // namespace bothy::virtio
