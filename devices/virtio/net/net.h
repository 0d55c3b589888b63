// Net: the network device (virtio 1.2, 5.1).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/worker_thread.h"
#include "devices/host/net/config.h"
#include "devices/host/net/packets.h"
#include "devices/virtio/device.h"
#include "devices/virtio/net/control.h"
#include "devices/virtio/net/queue_pair.h"
#include "devices/virtio/queue/queue_worker.h"

namespace bothy::virtio {

// Counters of a device since it was made. `dropped` counts received packets that didn't fit the
// driver's buffers, and sent packets that the backend refused.
struct NetStatistics {
  struct Direction {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t dropped = 0;
  };
  Direction received;
  Direction sent;
};

// A thread of its own serves each pair of queues; the executor serves the control queue.
class Net final : public Device, private NetControlTarget {
 public:
  // With a backend that is already open. The executor outlives the device.
  Net(const NetConfig& config, std::unique_ptr<NetBackend> backend,
      boost::asio::io_context& executor);
  ~Net() override;

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kNet; }
  [[nodiscard]] std::uint64_t features() const noexcept override { return features_; }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override {
    return queue_sizes_;
  }
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  // No field is writable for a driver of virtio 1 (5.1.4).
  void write_config(std::uint64_t, std::span<const std::byte>) noexcept override {}
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

  // Any thread.
  [[nodiscard]] std::string describe_backend() const { return backend_->describe(); }
  [[nodiscard]] MacAddress mac() const noexcept;
  [[nodiscard]] NetStatistics statistics() const noexcept;
  [[nodiscard]] bool link_up() const noexcept { return link_up_; }

 private:
  struct Counters {
    NetCounters receive;
    NetCounters transmit;
  };

  bool set_mac(const MacAddress& mac) override;
  bool set_pairs(std::uint16_t count) override;
  bool set_guest_offloads(std::uint64_t features) override;

  void start_pair(std::size_t index, ActiveQueue receive, ActiveQueue transmit);
  // The size that packets to this driver seldom exceed, header included.
  [[nodiscard]] std::size_t expected_packet_size() const noexcept;
  // Any thread.
  void set_link_down() noexcept;

  boost::asio::io_context& executor_;
  const std::unique_ptr<NetBackend> backend_;
  const std::optional<std::uint16_t> mtu_;  // as offered to the driver
  const std::uint64_t features_;
  std::vector<std::uint16_t> queue_sizes_;
  std::vector<std::unique_ptr<Counters>> counters_;     // one per pair
  std::vector<std::unique_ptr<WorkerThread>> threads_;  // likewise; null: it couldn't be started
  NetRateLimit receive_limit_;
  NetRateLimit transmit_limit_;
  LogLimiter limiter_;

  std::atomic<bool> link_up_{true};
  mutable std::mutex mac_mutex_;
  MacAddress mac_;

  // While running.
  std::uint64_t negotiated_ = 0;
  DriverLink* link_ = nullptr;
  std::vector<std::unique_ptr<NetQueuePair>> pairs_;  // null: the thread couldn't be started
  std::size_t active_pairs_ = 1;                      // these use their ports
  std::unique_ptr<QueueWorker> control_;
};

}  // namespace bothy::virtio
