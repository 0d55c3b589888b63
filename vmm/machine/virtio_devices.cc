#include "vmm/machine/virtio_devices.h"

#include <utility>

#include "devices/virtio/rng.h"
#include "vmm/arch/x86_64/layout.h"

namespace bothy {
namespace {

// In the order of their windows.
std::vector<std::unique_ptr<virtio::Device>> make_devices(const MachineConfig& config,
                                                          boost::asio::io_context& executor) {
  std::vector<std::unique_ptr<virtio::Device>> devices;
  if (config.rng) {
    devices.push_back(std::make_unique<virtio::Rng>(executor));
  }
  return devices;
}

std::size_t device_count(const MachineConfig& config) noexcept {
  return config.rng ? 1 : 0;
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
  BOTHY_TRY(all->executor_.start());
  auto devices = make_devices(config, all->executor_.context());
  for (std::size_t i = 0; i < devices.size(); ++i) {
    BOTHY_TRY(all->attach(std::move(devices[i]), windows.at(i), vm, memory, mmio));
  }
  return all;
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
