// VirtioTransport: what every transport of a virtio device has in common (virtio 1.2, 2 and 3).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/event_fd.h"
#include "base/log.h"
#include "devices/virtio/device.h"
#include "devices/virtio/transport/interrupt_source.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// The bits of the interrupt status (virtio 1.2, 4.2.2 InterruptStatus; 4.1.4.5).
inline constexpr std::uint32_t kQueueInterrupt = 1U << 0U;
inline constexpr std::uint32_t kConfigInterrupt = 1U << 1U;

//            set_status(DRIVER_OK)             the driver breaks a rule
//   [idle] -----------------------> [running] ------------------------> [parked]
//     ^                                 |          DEVICE_NEEDS_RESET       |
//     +---------------------------------+-----------------------------------+
//                       set_status(0), stop()
//
// A register map (MmioTransport) translates the driver's accesses into calls of these functions,
// one at a time: it holds a lock. Starting and stopping the device is posted to the device's
// executor and awaited, so an executor never waits for a vCPU.
//
// An access against the order of initialization (virtio 1.2, 3.1.1) is ignored, or parks the device
// until its driver resets it.
class VirtioTransport final : private DriverLink {
 public:
  // One thread runs the context until stop() has returned. All but the device is borrowed and
  // outlives the transport.
  [[nodiscard]] static Result<std::unique_ptr<VirtioTransport>> create(
      std::unique_ptr<Device> device, const GuestMemory& memory, InterruptSource& interrupts,
      boost::asio::io_context& executor);
  ~VirtioTransport() override = default;

  [[nodiscard]] Device& device() const noexcept { return *device_; }

  [[nodiscard]] std::uint64_t offered_features() const noexcept;
  [[nodiscard]] std::uint64_t driver_features() const noexcept { return driver_features_; }
  // Ignored once FEATURES_OK is set (3.1.1).
  void set_driver_features(std::uint64_t features) noexcept;

  // With DEVICE_NEEDS_RESET while the device is parked.
  [[nodiscard]] std::uint32_t status() const noexcept;
  // The driver's write: 0 resets the device, DRIVER_OK starts it. FEATURES_OK does not stay set
  // when the features are not acceptable.
  void set_status(std::uint32_t value) noexcept;

  [[nodiscard]] std::size_t queue_count() const noexcept { return queues_.size(); }
  // Any index; 0 where there is no such queue.
  [[nodiscard]] std::uint16_t queue_max_size(std::uint32_t index) const noexcept;
  [[nodiscard]] bool queue_ready(std::uint32_t index) const noexcept;
  // For changing the addresses; null unless the queue exists, is not ready, and features are
  // settled while the device is idle (3.1.1).
  [[nodiscard]] QueueConfig* configurable_queue(std::uint32_t index) noexcept;
  // Both ignored likewise. A size above the maximum leaves the queue without one, which parks the
  // device at its start.
  void set_queue_size(std::uint32_t index, std::uint32_t size) noexcept;
  void set_queue_ready(std::uint32_t index, bool ready) noexcept;

  // The driver's notification of a queue; KVM handles most of them. Any index.
  void kick(std::uint32_t index) const noexcept;
  // What kick() signals, by index.
  [[nodiscard]] std::span<const EventFd> kicks() const noexcept { return kicks_; }

  // Any thread.
  [[nodiscard]] std::uint32_t interrupt_status() const noexcept { return interrupt_status_.load(); }
  void acknowledge_interrupts(std::uint32_t bits) noexcept { interrupt_status_.fetch_and(~bits); }
  [[nodiscard]] std::uint32_t config_generation() const noexcept {
    return config_generation_.load();
  }

  // Stops the device for good, before its executor is stopped. No vCPU runs any longer.
  void stop() noexcept { reset(); }

 private:
  VirtioTransport(std::unique_ptr<Device> device, const GuestMemory& memory,
                  InterruptSource& interrupts, boost::asio::io_context& executor);

  [[nodiscard]] bool features_acceptable() const noexcept;
  // Null unless queues can be set up now.
  [[nodiscard]] QueueConfig* settable_queue(std::uint32_t index) noexcept;
  void activate() noexcept;
  void reset() noexcept;
  // Runs `task` on the device's executor and returns when it is done.
  void on_executor(const std::function<void()>& task) noexcept;

  void signal_queue(std::uint16_t queue) noexcept override;
  void signal_config() noexcept override;
  void park(const std::string& why) noexcept override;

  std::vector<EventFd> kicks_;  // the device's threads have them as long as it exists
  const std::unique_ptr<Device> device_;
  const GuestMemory& memory_;
  InterruptSource& interrupts_;
  boost::asio::io_context& executor_;
  LogLimiter limiter_;

  // Written by the device's thread too.
  std::atomic<std::uint32_t> interrupt_status_{0};
  std::atomic<std::uint32_t> config_generation_{0};
  std::atomic<bool> needs_reset_{false};
  // Read by the device's thread too.
  std::atomic<bool> driver_ok_{false};

  std::uint32_t status_ = 0;
  std::uint64_t driver_features_ = 0;
  std::vector<QueueConfig> queues_;
  bool running_ = false;
};

}  // namespace bothy::virtio
