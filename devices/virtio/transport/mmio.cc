#include "devices/virtio/transport/mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include <boost/asio/post.hpp>
#include <cstring>
#include <future>
#include <utility>

#include "devices/virtio/queue/ring_layout.h"

namespace bothy::virtio {
namespace {

constexpr std::uint32_t kMagic = 0x74726976;  // "virt"
constexpr std::uint32_t kVersion = 2;
// QEMU's, which drivers know; nothing depends on it.
constexpr std::uint32_t kVendor = 0x554d4551;
static_assert(MmioTransport::kNotifyOffset == VIRTIO_MMIO_QUEUE_NOTIFY);

std::uint32_t half(std::uint64_t value, std::uint32_t select) noexcept {
  return select > 1 ? 0 : static_cast<std::uint32_t>(value >> (32U * select));
}

// Replaces the low or the high half.
void set_half(std::uint64_t& value, bool high, std::uint32_t part) noexcept {
  const unsigned shift = high ? 32 : 0;
  value = (value & ~(std::uint64_t{0xffffffff} << shift)) | std::uint64_t{part} << shift;
}

}  // namespace

Result<std::unique_ptr<MmioTransport>> MmioTransport::create(std::unique_ptr<Device> device,
                                                             const GuestMemory& memory,
                                                             const Interrupt& interrupt,
                                                             boost::asio::io_context& executor) {
  const std::size_t queues = device->queue_sizes().size();
  std::unique_ptr<MmioTransport> transport(
      new MmioTransport(std::move(device), memory, interrupt, executor));
  for (std::size_t i = 0; i < queues; ++i) {
    BOTHY_TRY(EventFd kick, EventFd::create());
    transport->kicks_.push_back(std::move(kick));
  }
  return transport;
}

MmioTransport::MmioTransport(std::unique_ptr<Device> device, const GuestMemory& memory,
                             const Interrupt& interrupt, boost::asio::io_context& executor)
    : device_(std::move(device)),
      memory_(memory),
      interrupt_(interrupt),
      executor_(executor),
      queues_(device_->queue_sizes().size()) {}

void MmioTransport::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  std::fill(data.begin(), data.end(), std::byte{0});
  if (offset >= VIRTIO_MMIO_CONFIG) {
    device_->read_config(offset - VIRTIO_MMIO_CONFIG, data);
    return;
  }
  // virtio 1.2, 4.2.2.2: 32 bits wide and aligned, or nothing.
  if (data.size() != sizeof(std::uint32_t) || offset % sizeof(std::uint32_t) != 0) {
    return;
  }
  const std::lock_guard lock(mutex_);
  const std::uint32_t value = read_register(offset);
  std::memcpy(data.data(), &value, sizeof(value));
}

void MmioTransport::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  if (offset >= VIRTIO_MMIO_CONFIG) {
    device_->write_config(offset - VIRTIO_MMIO_CONFIG, data);
    return;
  }
  if (data.size() != sizeof(std::uint32_t) || offset % sizeof(std::uint32_t) != 0) {
    return;
  }
  std::uint32_t value = 0;
  std::memcpy(&value, data.data(), sizeof(value));
  const std::lock_guard lock(mutex_);
  write_register(offset, value);
}

std::uint32_t MmioTransport::read_register(std::uint64_t offset) const noexcept {
  switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
      return kMagic;
    case VIRTIO_MMIO_VERSION:
      return kVersion;
    case VIRTIO_MMIO_DEVICE_ID:
      return static_cast<std::uint32_t>(device_->id());
    case VIRTIO_MMIO_VENDOR_ID:
      return kVendor;
    case VIRTIO_MMIO_DEVICE_FEATURES:
      return half(offered_features(), device_features_select_);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
      return queue_select_ < queues_.size() ? device_->queue_sizes()[queue_select_] : 0;
    case VIRTIO_MMIO_QUEUE_READY:
      return queue_select_ < queues_.size() && queues_[queue_select_].ready ? 1 : 0;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
      return interrupt_status_.load();
    case VIRTIO_MMIO_STATUS:
      return status_ | (needs_reset_.load() ? std::uint32_t{VIRTIO_CONFIG_S_NEEDS_RESET} : 0U);
    case VIRTIO_MMIO_CONFIG_GENERATION:
      return config_generation_.load();
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
      return 0xffffffff;  // no such region (4.2.2)
    default:
      return 0;
  }
}

void MmioTransport::write_register(std::uint64_t offset, std::uint32_t value) noexcept {
  switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
      device_features_select_ = value;
      return;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
      driver_features_select_ = value;
      return;
    case VIRTIO_MMIO_DRIVER_FEATURES:
      // Settled once FEATURES_OK is (3.1.1).
      if ((status_ & VIRTIO_CONFIG_S_FEATURES_OK) == 0 && driver_features_select_ <= 1) {
        set_half(driver_features_, driver_features_select_ == 1, value);
      }
      return;
    case VIRTIO_MMIO_QUEUE_SEL:
      queue_select_ = value;
      return;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
      // Most are caught by KVM and never come here.
      if (value < kicks_.size()) {
        kicks_[value].signal();
      }
      return;
    case VIRTIO_MMIO_INTERRUPT_ACK:
      interrupt_status_.fetch_and(~value);
      return;
    case VIRTIO_MMIO_STATUS:
      return write_status(value);
    default:
      return write_queue(offset, value);
  }
}

void MmioTransport::write_status(std::uint32_t value) noexcept {
  if (value == 0) {
    return reset();
  }
  // A driver only ever adds bits (virtio 1.2, 2.1.1).
  const std::uint32_t added = value & ~status_;
  if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 && !features_acceptable()) {
    value &= ~std::uint32_t{VIRTIO_CONFIG_S_FEATURES_OK};  // the driver looks whether it stays set
  }
  status_ |= value & ~std::uint32_t{VIRTIO_CONFIG_S_NEEDS_RESET};
  if ((added & VIRTIO_CONFIG_S_DRIVER_OK) == 0) {
    return;
  }
  // Given up, or parked: nothing starts before a reset (2.1.1).
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

QueueConfig* MmioTransport::selected_queue() noexcept {
  // Queues are set up between FEATURES_OK and DRIVER_OK (virtio 1.2, 3.1.1).
  const bool settable = (status_ & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)) ==
                        VIRTIO_CONFIG_S_FEATURES_OK;
  return settable && queue_select_ < queues_.size() ? &queues_[queue_select_] : nullptr;
}

void MmioTransport::write_queue(std::uint64_t offset, std::uint32_t value) noexcept {
  QueueConfig* queue = selected_queue();
  if (queue == nullptr || (queue->ready && offset != VIRTIO_MMIO_QUEUE_READY)) {
    return;
  }
  switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
      // One that the device doesn't take leaves the queue without a size, which activate() finds.
      queue->size = value <= device_->queue_sizes()[queue_select_]
                        ? static_cast<std::uint16_t>(value)
                        : std::uint16_t{0};
      return;
    case VIRTIO_MMIO_QUEUE_READY:
      queue->ready = value == 1;
      return;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
      return set_half(queue->descriptors, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
      return set_half(queue->driver_area, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
      return set_half(queue->device_area, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
    default:
      return;
  }
}

std::uint64_t MmioTransport::offered_features() const noexcept {
  return device_->features() | device_->ring_features();
}

bool MmioTransport::features_acceptable() const noexcept {
  // VERSION_1 is not the driver's to leave out: legacy is not offered (virtio 1.2, 6.1).
  return (driver_features_ & ~offered_features()) == 0 &&
         (driver_features_ & feature(kFeatureVersion1)) != 0;
}

void MmioTransport::activate() noexcept {
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

void MmioTransport::reset() noexcept {
  if (std::exchange(running_, false)) {
    on_executor([this] { static_cast<void>(device_->stop()); });
  }
  status_ = 0;
  device_features_select_ = 0;
  driver_features_select_ = 0;
  driver_features_ = 0;
  queue_select_ = 0;
  std::fill(queues_.begin(), queues_.end(), QueueConfig{});
  interrupt_status_ = 0;
  needs_reset_ = false;
  driver_ok_ = false;
}

void MmioTransport::stop() noexcept {
  const std::lock_guard lock(mutex_);
  reset();
}

void MmioTransport::on_executor(const std::function<void()>& task) noexcept {
  std::promise<void> done;
  boost::asio::post(executor_, [&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void MmioTransport::signal_queue(std::uint16_t) noexcept {  // one line serves every queue
  interrupt_status_.fetch_or(VIRTIO_MMIO_INT_VRING);
  interrupt_.trigger();
}

void MmioTransport::signal_config() noexcept {
  config_generation_.fetch_add(1);
  interrupt_status_.fetch_or(VIRTIO_MMIO_INT_CONFIG);
  interrupt_.trigger();
}

void MmioTransport::park(const std::string& why) noexcept {
  log_guest(limiter_, "virtio device {} waits for its driver's reset: {}",
            static_cast<std::uint32_t>(device_->id()), why);
  // Before DRIVER_OK nothing is said (2.1.2).
  if (!needs_reset_.exchange(true) && driver_ok_) {
    signal_config();
  }
}

}  // namespace bothy::virtio
