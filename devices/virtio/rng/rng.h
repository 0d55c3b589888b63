// Rng: the entropy device (virtio 1.2, 5.4). Random bytes come from the host's getrandom(2).
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "devices/virtio/device.h"
#include "devices/virtio/queue/queue_worker.h"

namespace bothy::virtio {

class Rng final : public Device {
 public:
  // The executor outlives the device.
  explicit Rng(boost::asio::io_context& executor) : executor_(executor) {}

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kEntropy; }
  [[nodiscard]] std::uint64_t features() const noexcept override { return 0; }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
  void read_config(std::uint64_t, std::span<std::byte>) noexcept override {}
  void write_config(std::uint64_t, std::span<const std::byte>) noexcept override {}
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

 private:
  boost::asio::io_context& executor_;
  std::unique_ptr<QueueWorker> worker_;
};

}  // namespace bothy::virtio
