#include "devices/virtio/transport/transport.h"

#include <linux/virtio_config.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "devices/virtio/queue/ring_layout.h"

namespace bothy::virtio {

Result<std::unique_ptr<VirtioTransport>> VirtioTransport::create(
    std::unique_ptr<Device> device, const GuestMemory& memory, InterruptSource& interrupts,
    boost::asio::io_context& executor) {
  const std::size_t queues = device->queue_sizes().size();
  std::unique_ptr<VirtioTransport> transport(
      new VirtioTransport(std::move(device), memory, interrupts, executor));
  for (std::size_t i = 0; i < queues; ++i) {
    BOTHY_TRY(EventFd kick, EventFd::create());
    transport->kicks_.push_back(std::move(kick));
  }
  BOTHY_TRY(transport->device_->prepare(transport->kicks_));
  return transport;
}

VirtioTransport::VirtioTransport(std::unique_ptr<Device> device, const GuestMemory& memory,
                                 InterruptSource& interrupts, boost::asio::io_context& executor)
    : device_(std::move(device)),
      memory_(memory),
      interrupts_(interrupts),
      executor_(executor),
      queues_(device_->queue_sizes().size()) {}

std::uint64_t VirtioTransport::offered_features() const noexcept {
  return device_->features() | device_->ring_features();
}

void VirtioTransport::set_driver_features(std::uint64_t features) noexcept {
  if ((status_ & VIRTIO_CONFIG_S_FEATURES_OK) == 0) {
    driver_features_ = features;
  }
}

bool VirtioTransport::features_acceptable() const noexcept {
  // A driver must accept VERSION_1: the legacy interface is not offered (virtio 1.2, 6.1).
  return (driver_features_ & ~offered_features()) == 0 &&
         (driver_features_ & feature(kFeatureVersion1)) != 0;
}

std::uint32_t VirtioTransport::status() const noexcept {
  return status_ | (needs_reset_.load() ? std::uint32_t{VIRTIO_CONFIG_S_NEEDS_RESET} : 0U);
}

void VirtioTransport::set_status(std::uint32_t value) noexcept {
  if (value == 0) {
    return reset();
  }
  // A driver only ever adds bits (virtio 1.2, 2.1.1).
  const std::uint32_t added = value & ~status_;
  if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 && !features_acceptable()) {
    value &= ~std::uint32_t{VIRTIO_CONFIG_S_FEATURES_OK};  // the driver checks that it stays set
  }
  status_ |= value & ~std::uint32_t{VIRTIO_CONFIG_S_NEEDS_RESET};
  if ((added & VIRTIO_CONFIG_S_DRIVER_OK) == 0) {
    return;
  }
  // FAILED, or parked: nothing starts before a reset (2.1.1).
  if ((status_ & VIRTIO_CONFIG_S_FAILED) != 0 || needs_reset_.load()) {
    status_ &= ~std::uint32_t{VIRTIO_CONFIG_S_DRIVER_OK};
    return;
  }
  if ((status_ & VIRTIO_CONFIG_S_FEATURES_OK) == 0) {
    status_ &= ~std::uint32_t{VIRTIO_CONFIG_S_DRIVER_OK};
    return park("its driver started it before the features were settled");
  }
  driver_ok_ = true;
  activate();
}

std::uint16_t VirtioTransport::queue_max_size(std::uint32_t index) const noexcept {
  return index < queues_.size() ? device_->queue_sizes()[index] : std::uint16_t{0};
}

bool VirtioTransport::queue_ready(std::uint32_t index) const noexcept {
  return index < queues_.size() && queues_[index].ready;
}

QueueConfig* VirtioTransport::settable_queue(std::uint32_t index) noexcept {
  // Queues are set up between FEATURES_OK and DRIVER_OK (virtio 1.2, 3.1.1).
  const bool settable = (status_ & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)) ==
                        VIRTIO_CONFIG_S_FEATURES_OK;
  return settable && index < queues_.size() ? &queues_[index] : nullptr;
}

QueueConfig* VirtioTransport::configurable_queue(std::uint32_t index) noexcept {
  QueueConfig* queue = settable_queue(index);
  return queue != nullptr && !queue->ready ? queue : nullptr;
}

void VirtioTransport::set_queue_size(std::uint32_t index, std::uint32_t size) noexcept {
  if (QueueConfig* queue = configurable_queue(index)) {
    queue->size =
        size <= queue_max_size(index) ? static_cast<std::uint16_t>(size) : std::uint16_t{0};
  }
}

void VirtioTransport::set_queue_ready(std::uint32_t index, bool ready) noexcept {
  if (QueueConfig* queue = settable_queue(index)) {
    queue->ready = ready;
  }
}

void VirtioTransport::kick(std::uint32_t index) const noexcept {
  if (index < kicks_.size()) {
    kicks_[index].signal();
  }
}

void VirtioTransport::activate() noexcept {
  const RingFeatures rings{(driver_features_ & feature(kFeatureIndirect)) != 0,
                           (driver_features_ & feature(kFeatureEventIndex)) != 0,
                           (driver_features_ & feature(kFeatureRingPacked)) != 0};
  std::vector<ActiveQueue> active(queues_.size());
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    if (!queues_[i].ready) {
      continue;
    }
    auto queue = Queue::create(memory_, queues_[i], rings);
    if (!queue) {
      return park(fmt::format("queue {}: {}", i, queue.error().context));
    }
    static_cast<void>(kicks_[i].drain());
    active[i] = {std::move(queue).value(), &kicks_[i], static_cast<std::uint16_t>(i), queues_[i]};
  }
  running_ = true;
  on_executor([&] { device_->start(driver_features_, std::move(active), *this); });
}

void VirtioTransport::reset() noexcept {
  if (std::exchange(running_, false)) {
    on_executor([this] { static_cast<void>(device_->stop()); });
  }
  status_ = 0;
  driver_features_ = 0;
  std::fill(queues_.begin(), queues_.end(), QueueConfig{});
  interrupt_status_ = 0;
  needs_reset_ = false;
  driver_ok_ = false;
}

void VirtioTransport::on_executor(const std::function<void()>& task) noexcept {
  std::promise<void> done;
  boost::asio::post(executor_, [&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void VirtioTransport::signal_queue(std::uint16_t queue) noexcept {
  interrupt_status_.fetch_or(kQueueInterrupt);
  interrupts_.notify_queue(queue);
}

void VirtioTransport::signal_config() noexcept {
  config_generation_.fetch_add(1);
  interrupt_status_.fetch_or(kConfigInterrupt);
  interrupts_.notify_config();
}

void VirtioTransport::park(const std::string& why) noexcept {
  log_guest(limiter_, "virtio device {} needs a reset by its driver: {}",
            static_cast<std::uint32_t>(device_->id()), why);
  // A driver is not notified before DRIVER_OK (2.1.2).
  if (!needs_reset_.exchange(true) && driver_ok_) {
    signal_config();
  }
}

}  // namespace bothy::virtio
