#include "vmm/machine/virtio_devices.h"

#include <algorithm>
#include <utility>

#include "devices/virtio/rng.h"
#include "vmm/arch/x86_64/layout.h"

namespace bothy {
namespace {

std::size_t device_count(const MachineConfig& config) noexcept {
  return config.disks.size() + config.nets.size() + (config.rng ? 1U : 0U);
}

}  // namespace

std::vector<VirtioMmioDevice> virtio_windows(const MachineConfig& config) {
  std::vector<VirtioMmioDevice> windows(device_count(config));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    windows[i].base = layout::kVirtioMmio + i * layout::kVirtioMmioStride;
    windows[i].size = virtio::MmioTransport::kSize;
    windows[i].gsi = layout::kGsiVirtioFirst + static_cast<std::uint32_t>(i);
  }
  return windows;
}

Result<std::unique_ptr<VirtioDevices>> VirtioDevices::create(const MachineConfig& config, Vm& vm,
                                                             const GuestMemory& memory, Bus& mmio) {
  std::unique_ptr<VirtioDevices> all(new VirtioDevices);
  const auto windows = virtio_windows(config);
  if (windows.empty()) {
    return all;
  }
  if (windows.size() > layout::kMaxVirtio) {
    return make_error(ErrorCode::kInvalid, "a machine of {} virtio devices: at most {} fit",
                      windows.size(), layout::kMaxVirtio);
  }
  BOTHY_TRY(all->executor_.start());
  BOTHY_TRY(DeviceList devices, all->make_devices(config));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    BOTHY_TRY(all->attach(std::move(devices[i]), windows.at(i), vm, memory, mmio));
  }
  return all;
}

Result<VirtioDevices::DeviceList> VirtioDevices::make_devices(const MachineConfig& config) {
  DeviceList devices;
  for (const DiskConfig& disk : config.disks) {
    BOTHY_TRY(auto block, virtio::Block::create(disk));
    disks_.push_back(block.get());
    devices.push_back(std::move(block));
  }
  for (const NetConfig& config_of_net : config.nets) {
    BOTHY_TRY(auto net, virtio::Net::create(config_of_net, executor_.context()));
    nets_.push_back(net.get());
    devices.push_back(std::move(net));
  }
  if (config.rng) {
    devices.push_back(std::make_unique<virtio::Rng>(executor_.context()));
  }
  return devices;
}

virtio::Block* VirtioDevices::find_disk(std::string_view id) const noexcept {
  const auto disk = std::ranges::find_if(
      disks_, [id](const virtio::Block* candidate) { return candidate->config().id == id; });
  return disk == disks_.end() ? nullptr : *disk;
}

Result<void> VirtioDevices::attach(std::unique_ptr<virtio::Device> device,
                                   const VirtioMmioDevice& window, Vm& vm,
                                   const GuestMemory& memory, Bus& mmio) {
  BOTHY_TRY(EventFd event, EventFd::create());
  lines_.push_back(std::make_unique<Interrupt>(std::move(event)));
  const Interrupt& line = *lines_.back();
  BOTHY_TRY(vm.bind_irq(line.event(), window.gsi));
  BOTHY_TRY(auto transport,
            virtio::MmioTransport::create(std::move(device), memory, line, executor_.context()));
  std::uint32_t index = 0;
  for (const EventFd& kick : transport->kicks()) {
    BOTHY_TRY(vm.bind_mmio_doorbell(kick, window.base + virtio::MmioTransport::kNotifyOffset,
                                    sizeof(std::uint32_t), index++));
  }
  BOTHY_TRY(mmio.add(window.base, window.size, *transport));
  transports_.push_back(std::move(transport));
  return success();
}

void VirtioDevices::stop() noexcept {
  for (const auto& transport : transports_) {
    transport->stop();
  }
  executor_.stop();
}

}  // namespace bothy
