// MmioTransport: a virtio device behind a window of memory-mapped registers (virtio 1.2, 4.2).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/event_fd.h"
#include "base/log.h"
#include "devices/bus.h"
#include "devices/interrupt.h"
#include "devices/virtio/device.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// Version 2 only. Register accesses come from vCPU threads and are served one at a time. Starting
// and stopping the device is posted to its executor and awaited: an executor never waits for a
// vCPU.
//
// A driver that breaks the order of things (virtio 1.2, 3.1.1) finds its write ignored, or the
// device parked with DEVICE_NEEDS_RESET until it resets it.
class MmioTransport final : public BusHandler, private DriverLink {
 public:
  static constexpr std::uint64_t kSize = 0x1000;
  // Where doorbells are rung: a 32-bit write of the queue's index (QueueNotify).
  static constexpr std::uint64_t kNotifyOffset = 0x050;

  // The context must be run by one thread until stop() has returned. All but the device is borrowed
  // and outlives the transport.
  [[nodiscard]] static Result<std::unique_ptr<MmioTransport>> create(
      std::unique_ptr<Device> device, const GuestMemory& memory, const Interrupt& interrupt,
      boost::asio::io_context& executor);
  ~MmioTransport() override = default;

  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

  // The doorbells in the order of the queues, to be bound at kNotifyOffset with each index.
  [[nodiscard]] std::span<const EventFd> kicks() const noexcept { return kicks_; }

  // Stops the device for good, before its executor is stopped. Owner's thread, with no vCPU
  // running.
  void stop() noexcept;

 private:
  MmioTransport(std::unique_ptr<Device> device, const GuestMemory& memory,
                const Interrupt& interrupt, boost::asio::io_context& executor);

  [[nodiscard]] std::uint32_t read_register(std::uint64_t offset) const noexcept;
  void write_register(std::uint64_t offset, std::uint32_t value) noexcept;
  void write_status(std::uint32_t value) noexcept;
  void write_queue(std::uint64_t offset, std::uint32_t value) noexcept;
  [[nodiscard]] std::uint64_t offered_features() const noexcept;
  [[nodiscard]] bool features_acceptable() const noexcept;
  [[nodiscard]] QueueConfig* selected_queue() noexcept;
  void activate() noexcept;
  void reset() noexcept;
  // Runs `task` on the device's executor and returns when it is done.
  void on_executor(const std::function<void()>& task) noexcept;

  void signal_queue(std::uint16_t queue) noexcept override;
  void signal_config() noexcept override;
  void park(const std::string& why) noexcept override;

  const std::unique_ptr<Device> device_;
  const GuestMemory& memory_;
  const Interrupt& interrupt_;
  boost::asio::io_context& executor_;
  std::vector<EventFd> kicks_;
  LogLimiter limiter_;

  // What the device's thread changes too.
  std::atomic<std::uint32_t> interrupt_status_{0};
  std::atomic<std::uint32_t> config_generation_{0};
  std::atomic<bool> needs_reset_{false};
  // What it reads besides.
  std::atomic<bool> driver_ok_{false};

  std::mutex mutex_;  // guards all below
  std::uint32_t status_ = 0;
  std::uint32_t device_features_select_ = 0;
  std::uint32_t driver_features_select_ = 0;
  std::uint64_t driver_features_ = 0;
  std::uint32_t queue_select_ = 0;
  std::vector<QueueConfig> queues_;
  bool running_ = false;
};

}  // namespace bothy::virtio
