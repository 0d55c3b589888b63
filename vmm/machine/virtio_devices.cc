#include "vmm/machine/virtio_devices.h"

#include <algorithm>
#include <utility>

#include "arch/layout.h"
#include "devices/virtio/rng/rng.h"
#include "devices/virtio/vsock/vsock.h"
#include "vmm/machine/console_plan.h"

namespace bothy {
namespace {

std::vector<virtio::ConsolePortSpec> port_specs(const MachineConfig& config,
                                                const ConsoleSinks& sinks) {
  std::vector<virtio::ConsolePortSpec> specs;
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const PortConfig& port = config.ports[i];
    // A file always takes what comes; to anything else somebody comes and goes.
    const bool open = port.backend.kind == CharacterBackendConfig::Kind::kFile;
    specs.push_back({port.name, port.is_console, open, sinks.ports[i]});
  }
  return specs;
}

std::size_t device_count(const MachineConfig& config) noexcept {
  return (plan_console(config).virtio ? 1U : 0U) + (config.ports.empty() ? 0U : 1U) +
         config.disks.size() + config.nets.size() + (config.rng ? 1U : 0U) +
         (config.vsock ? 1U : 0U) + (config.balloon ? 1U : 0U) + config.shares.size();
}

}  // namespace

std::vector<arch::BusDevice> virtio_windows(const MachineConfig& config) {
  std::vector<arch::BusDevice> windows(device_count(config));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    windows[i].address = layout::kVirtioMmio + i * layout::kVirtioMmioStride;
    windows[i].size = virtio::MmioTransport::kSize;
    windows[i].gsi = layout::kGsiVirtioFirst + static_cast<std::uint32_t>(i);
    windows[i].hid = arch::kVirtioMmioHid;
  }
  return windows;
}

Result<ShareServers> start_share_servers(const MachineConfig& config) {
  ShareServers servers;
  for (const virtio::FsConfig& share : config.shares) {
    BOTHY_TRY(auto server, Virtiofsd::start("--fs " + share.tag, share.directory));
    servers.push_back(std::move(server));
  }
  return servers;
}

Result<std::unique_ptr<VirtioDevices>> VirtioDevices::create(const MachineConfig& config,
                                                             const ConsoleSinks& sinks, Vm& vm,
                                                             const GuestMemory& memory, Bus& mmio,
                                                             ShareServers servers) {
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
  BOTHY_TRY(DeviceList devices, all->make_devices(config, sinks, memory, std::move(servers)));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    BOTHY_TRY(all->attach(std::move(devices[i]), windows.at(i), vm, memory, mmio));
  }
  return all;
}

Result<VirtioDevices::DeviceList> VirtioDevices::make_devices(const MachineConfig& config,
                                                              const ConsoleSinks& sinks,
                                                              const GuestMemory& memory,
                                                              ShareServers servers) {
  DeviceList devices;
  // First, since Linux looks at them in this order: the sooner it prints there the better.
  if (plan_console(config).virtio) {
    auto console = std::make_unique<virtio::Console>(
        executor_.context(), std::vector{virtio::ConsolePortSpec{{}, true, true, &sinks.console}});
    console_ = console.get();
    devices.push_back(std::move(console));
  }
  if (!config.ports.empty()) {
    auto ports = std::make_unique<virtio::Console>(executor_.context(), port_specs(config, sinks));
    ports_ = ports.get();
    devices.push_back(std::move(ports));
  }
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
  if (config.vsock) {
    BOTHY_TRY(auto vsock, virtio::Vsock::create(*config.vsock, executor_.context()));
    devices.push_back(std::move(vsock));
  }
  if (config.balloon) {
    BOTHY_TRY(auto balloon, virtio::Balloon::create(*config.balloon, memory, executor_.context()));
    balloon_ = balloon.get();
    devices.push_back(std::move(balloon));
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    UniqueFd socket = servers[i]->take_socket();
    BOTHY_TRY(auto fs, virtio::Fs::create(config.shares.at(i), std::move(socket),
                                          std::move(servers[i]), memory, executor_.context()));
    shares_.push_back(fs.get());
    devices.push_back(std::move(fs));
  }
  return devices;
}

Result<void> VirtioDevices::connect() {
  for (virtio::Fs* share : shares_) {
    BOTHY_TRY(share->connect());
  }
  return success();
}

virtio::Block* VirtioDevices::find_disk(std::string_view id) const noexcept {
  const auto disk = std::ranges::find_if(
      disks_, [id](const virtio::Block* candidate) { return candidate->config().id == id; });
  return disk == disks_.end() ? nullptr : *disk;
}

Result<void> VirtioDevices::attach(std::unique_ptr<virtio::Device> device,
                                   const arch::BusDevice& window, Vm& vm, const GuestMemory& memory,
                                   Bus& mmio) {
  BOTHY_TRY(EventFd event, EventFd::create());
  lines_.push_back(std::make_unique<Interrupt>(std::move(event)));
  const Interrupt& line = *lines_.back();
  BOTHY_TRY(vm.bind_irq(line.event(), window.gsi));
  BOTHY_TRY(auto transport,
            virtio::MmioTransport::create(std::move(device), memory, line, executor_.context()));
  std::uint32_t index = 0;
  for (const EventFd& kick : transport->kicks()) {
    BOTHY_TRY(vm.bind_mmio_doorbell(kick, window.address + virtio::MmioTransport::kNotifyOffset,
                                    sizeof(std::uint32_t), index++));
  }
  BOTHY_TRY(mmio.add(window.address, window.size, *transport));
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
