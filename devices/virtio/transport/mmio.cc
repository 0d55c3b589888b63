#include "devices/virtio/transport/mmio.h"

#include <linux/virtio_mmio.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bothy::virtio {
namespace {

constexpr std::uint32_t kMagic = 0x74726976;  // "virt"
constexpr std::uint32_t kVersion = 2;
// QEMU's, which drivers know; nothing depends on it.
constexpr std::uint32_t kVendor = 0x554d4551;
static_assert(MmioTransport::kNotifyOffset == VIRTIO_MMIO_QUEUE_NOTIFY);
static_assert(kQueueInterrupt == VIRTIO_MMIO_INT_VRING);
static_assert(kConfigInterrupt == VIRTIO_MMIO_INT_CONFIG);

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
  std::unique_ptr<MmioTransport> mmio(new MmioTransport(interrupt));
  BOTHY_TRY(mmio->transport_,
            VirtioTransport::create(std::move(device), memory, mmio->interrupts_, executor));
  return mmio;
}

void MmioTransport::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
  std::fill(data.begin(), data.end(), std::byte{0});
  if (offset >= VIRTIO_MMIO_CONFIG) {
    transport_->device().read_config(offset - VIRTIO_MMIO_CONFIG, data);
    return;
  }
  // virtio 1.2, 4.2.2.2: 32 bits wide and aligned.
  if (data.size() != sizeof(std::uint32_t) || offset % sizeof(std::uint32_t) != 0) {
    return;
  }
  const std::lock_guard lock(mutex_);
  const std::uint32_t value = read_register(offset);
  std::memcpy(data.data(), &value, sizeof(value));
}

void MmioTransport::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  if (offset >= VIRTIO_MMIO_CONFIG) {
    transport_->device().write_config(offset - VIRTIO_MMIO_CONFIG, data);
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
      return static_cast<std::uint32_t>(transport_->device().id());
    case VIRTIO_MMIO_VENDOR_ID:
      return kVendor;
    case VIRTIO_MMIO_DEVICE_FEATURES:
      return half(transport_->offered_features(), device_features_select_);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
      return transport_->queue_max_size(queue_select_);
    case VIRTIO_MMIO_QUEUE_READY:
      return transport_->queue_ready(queue_select_) ? 1 : 0;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
      return transport_->interrupt_status();
    case VIRTIO_MMIO_STATUS:
      return transport_->status();
    case VIRTIO_MMIO_CONFIG_GENERATION:
      return transport_->config_generation();
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
      return write_driver_features(value);
    case VIRTIO_MMIO_QUEUE_SEL:
      queue_select_ = value;
      return;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
      return transport_->kick(value);
    case VIRTIO_MMIO_INTERRUPT_ACK:
      return transport_->acknowledge_interrupts(value);
    case VIRTIO_MMIO_STATUS:
      if (value == 0) {
        device_features_select_ = driver_features_select_ = queue_select_ = 0;
      }
      return transport_->set_status(value);
    case VIRTIO_MMIO_QUEUE_NUM:
      return transport_->set_queue_size(queue_select_, value);
    case VIRTIO_MMIO_QUEUE_READY:
      return transport_->set_queue_ready(queue_select_, value == 1);
    default:
      return write_queue_address(offset, value);
  }
}

void MmioTransport::write_driver_features(std::uint32_t value) noexcept {
  if (driver_features_select_ <= 1) {
    std::uint64_t features = transport_->driver_features();
    set_half(features, driver_features_select_ == 1, value);
    transport_->set_driver_features(features);
  }
}

void MmioTransport::write_queue_address(std::uint64_t offset, std::uint32_t value) noexcept {
  QueueConfig* queue = transport_->configurable_queue(queue_select_);
  if (queue == nullptr) {
    return;
  }
  switch (offset) {
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

void MmioTransport::stop() noexcept {
  const std::lock_guard lock(mutex_);
  transport_->stop();
}

}  // namespace bothy::virtio
