// MmioTransport: the register map of a virtio device in a window of memory (virtio 1.2, 4.2).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "devices/bus.h"
#include "devices/interrupt.h"
#include "devices/virtio/transport/transport.h"

namespace bothy::virtio {

// Version 2 only. Register accesses come from vCPU threads and are served one at a time.
class MmioTransport final : public BusHandler {
 public:
  static constexpr std::uint64_t kSize = 0x1000;
  // The register that notifies the device: a 32-bit write of the queue's index (QueueNotify).
  static constexpr std::uint64_t kNotifyOffset = 0x050;

  // As VirtioTransport::create(); all notifications of the driver go by one interrupt line.
  [[nodiscard]] static Result<std::unique_ptr<MmioTransport>> create(
      std::unique_ptr<Device> device, const GuestMemory& memory, const Interrupt& interrupt,
      boost::asio::io_context& executor);
  ~MmioTransport() override = default;

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

  // The doorbells in the order of the queues, to be bound at kNotifyOffset with each index.
  [[nodiscard]] std::span<const EventFd> kicks() const noexcept { return transport_->kicks(); }

  // Stops the device for good, before its executor is stopped. Owner's thread, with no vCPU
  // running.
  void stop() noexcept;

 private:
  explicit MmioTransport(const Interrupt& interrupt) noexcept : interrupts_(interrupt) {}

  [[nodiscard]] std::uint32_t read_register(std::uint64_t offset) const noexcept;
  void write_register(std::uint64_t offset, std::uint32_t value) noexcept;
  void write_driver_features(std::uint32_t value) noexcept;
  void write_queue_address(std::uint64_t offset, std::uint32_t value) noexcept;

  LineInterrupt interrupts_;
  std::unique_ptr<VirtioTransport> transport_;

  std::mutex mutex_;  // guards all below, and the transport's use
  std::uint32_t device_features_select_ = 0;
  std::uint32_t driver_features_select_ = 0;
  std::uint32_t queue_select_ = 0;
};

}  // namespace bothy::virtio
