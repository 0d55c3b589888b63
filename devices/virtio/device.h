// Device: what a virtio device is, whatever transport it sits behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/event_fd.h"
#include "base/result.h"
#include "devices/virtio/queue/queue.h"
#include "devices/virtio/queue/ring_layout.h"

namespace bothy::virtio {

// virtio 1.2, 5.
enum class DeviceId : std::uint32_t {
  kNet = 1,
  kBlock = 2,
  kConsole = 3,
  kEntropy = 4,
  kBalloon = 5,
  kVsock = 19,
  kFs = 26,
};

// A feature's bit, by its number.
[[nodiscard]] constexpr std::uint64_t feature(unsigned number) noexcept {
  return std::uint64_t{1} << number;
}

// The features of rings that Queue implements, and VERSION_1, which is always offered.
inline constexpr std::uint64_t kRingFeatures =
    feature(kFeatureVersion1) | feature(kFeatureIndirect) | feature(kFeatureEventIndex) |
    feature(kFeatureRingPacked);

// How a device notifies its driver. Any thread.
class DriverLink {
 public:
  DriverLink() = default;
  DriverLink(const DriverLink&) = delete;
  DriverLink& operator=(const DriverLink&) = delete;
  virtual ~DriverLink() = default;

  // Requests have been completed on the queue of that index: interrupts the driver.
  virtual void signal_queue(std::uint16_t queue) noexcept = 0;
  // The configuration space has changed.
  virtual void signal_config() noexcept = 0;
  // The driver has broken a rule: the device stops serving until its reset (virtio 1.2, 2.1.1,
  // DEVICE_NEEDS_RESET). `why` is logged.
  virtual void park(const std::string& why) noexcept = 0;
};

// A running queue, and the doorbell by which its driver notifies the device.
struct ActiveQueue {
  std::unique_ptr<Queue> queue;  // null: the driver has not set it up
  const EventFd* kick = nullptr;
  std::uint16_t index = 0;
  QueueConfig config = {};  // for devices whose rings another process serves
};

//   [idle] -- start() --> [running] -- stop() --> [idle]
//
// prepare() comes before, once. start() and stop() run on the executor that the device was built
// with, and alternate. The other functions come from vCPU threads at any time.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual DeviceId id() const noexcept = 0;
  // The device's own feature bits, without those of rings and transport (bits 24 to 41).
  [[nodiscard]] virtual std::uint64_t features() const noexcept = 0;
  // The subset of kRingFeatures that the server of the queues implements.
  [[nodiscard]] virtual std::uint64_t ring_features() const noexcept { return kRingFeatures; }
  // One entry per queue: its maximum size, a power of two.
  [[nodiscard]] virtual std::span<const std::uint16_t> queue_sizes() const noexcept = 0;

  // `data` is filled with zeros at the call: a field past the end reads as zero.
  virtual void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept = 0;
  virtual void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept = 0;

  // Opens what serving takes, threads included, so that nothing is opened at a driver's request:
  // start() opens what wasn't. `kicks` has the doorbell of each queue, as ActiveQueue will, and
  // outlives the device's running.
  [[nodiscard]] virtual Result<void> prepare(std::span<const EventFd> kicks);

  // Takes the queues, one entry for each of queue_sizes(), and serves them. `features`: accepted by
  // the driver. `link` is valid until stop() returns.
  virtual void start(std::uint64_t features, std::vector<ActiveQueue> queues,
                     DriverLink& link) noexcept = 0;
  // Finishes or gives up the requests in flight, and returns the state of each queue. No call of
  // the link follows.
  virtual std::vector<QueueState> stop() noexcept = 0;
};

inline Result<void> Device::prepare(std::span<const EventFd> /*kicks*/) {
  return success();
}

}  // namespace bothy::virtio
