#include "vmm/machine/virtio_devices.h"

#include <utility>

#include "arch/layout.h"
#include "vmm/machine/console_plan.h"
#include "vmm/machine/device_kinds.h"

namespace bothy {
namespace {

// A device that a configuration stands for, by its entries.
struct PlannedDevice {
  const DeviceKind* kind = nullptr;  // null: the guest's own console
  std::vector<std::size_t> entries;  // indices into MachineConfig::devices
};

// In the order of their windows, which is the order in which Linux probes them: the guest's own
// console is first, since the sooner it is there the more it shows.
std::vector<PlannedDevice> plan_devices(const MachineConfig& config) {
  std::vector<PlannedDevice> plan;
  if (plan_console(config).virtio) {
    plan.push_back({});
  }
  for (const DeviceKind* kind : device_kinds()) {
    bool begun = false;
    for (std::size_t i = 0; i < config.devices.size(); ++i) {
      if (&config.devices[i].kind() != kind) {
        continue;
      }
      if (!begun || !kind->traits().combined) {
        plan.push_back({kind, {}});
      }
      begun = true;
      plan.back().entries.push_back(i);
    }
  }
  return plan;
}

// By the index of the device in the configuration: its place among those with a channel.
std::vector<std::optional<std::size_t>> channel_places(const MachineConfig& config) {
  std::vector<std::optional<std::size_t>> places;
  std::size_t count = 0;
  for (const DeviceConfig& device : config.devices) {
    const bool has_channel = device.kind().channel(device).has_value();
    places.push_back(has_channel ? std::optional(count++) : std::nullopt);
  }
  return places;
}

}  // namespace

std::vector<arch::BusDevice> virtio_windows(const MachineConfig& config) {
  std::vector<arch::BusDevice> windows(plan_devices(config).size());
  for (std::size_t i = 0; i < windows.size(); ++i) {
    windows[i].address = layout::kVirtioMmio + i * layout::kVirtioMmioStride;
    windows[i].size = virtio::MmioTransport::kSize;
    windows[i].gsi = layout::kGsiVirtioFirst + static_cast<std::uint32_t>(i);
    windows[i].hid = arch::kVirtioMmioHid;
  }
  return windows;
}

Result<PreparedDevices> prepare_devices(const MachineConfig& config) {
  PreparedDevices prepared;
  for (const DeviceConfig& device : config.devices) {
    BOTHY_TRY(auto started, device.kind().prepare(device));
    prepared.push_back(std::move(started));
  }
  return prepared;
}

Result<std::unique_ptr<VirtioDevices>> VirtioDevices::create(const MachineConfig& config,
                                                             const ConsoleSinks& sinks, Vm& vm,
                                                             const GuestMemory& memory, Bus& mmio,
                                                             PreparedDevices prepared) {
  std::unique_ptr<VirtioDevices> all(new VirtioDevices);
  const auto windows = virtio_windows(config);
  if (windows.empty()) {
    return all;
  }
  if (windows.size() > layout::kMaxVirtio) {
    return make_error(ErrorCode::kInvalid, "too many virtio devices: {}, and at most {} fit",
                      windows.size(), layout::kMaxVirtio);
  }
  BOTHY_TRY(all->executor_.start());
  BOTHY_TRY(auto devices, all->make_devices(config, sinks, memory, std::move(prepared)));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    BOTHY_TRY(all->attach(std::move(devices[i]), windows.at(i), vm, memory, mmio));
  }
  return all;
}

Result<std::vector<std::unique_ptr<virtio::Device>>> VirtioDevices::make_devices(
    const MachineConfig& config, const ConsoleSinks& sinks, const GuestMemory& memory,
    PreparedDevices prepared) {
  std::vector<std::unique_ptr<virtio::Device>> devices;
  const auto places = channel_places(config);
  ends_.resize(sinks.devices.size());
  for (const PlannedDevice& planned : plan_devices(config)) {
    if (planned.kind == nullptr) {
      auto console = std::make_unique<virtio::Console>(
          executor_.context(),
          std::vector{virtio::ConsolePortSpec{{}, true, true, &sinks.console}});
      console_ = console.get();
      devices.push_back(std::move(console));
      continue;
    }
    std::vector<const DeviceConfig*> configs;
    std::vector<std::size_t> channels;
    std::vector<CharacterSink*> device_sinks;
    for (const std::size_t entry : planned.entries) {
      configs.push_back(&config.devices[entry]);
      if (places[entry]) {
        channels.push_back(*places[entry]);
        device_sinks.push_back(sinks.devices[*places[entry]]);
      }
    }
    BOTHY_TRY(auto device, planned.kind->make({configs, device_sinks,
                                               std::move(prepared.at(planned.entries.front())),
                                               executor_.context(), memory}));
    std::vector<CharacterEnd> ends = planned.kind->character_ends(*device);
    for (std::size_t i = 0; i < channels.size(); ++i) {
      ends_.at(channels[i]) = std::move(ends.at(i));
    }
    made_.push_back({planned.kind, device.get()});
    devices.push_back(std::move(device));
  }
  return devices;
}

Result<void> VirtioDevices::connect() {
  for (const Made& each : made_) {
    BOTHY_TRY(each.kind->connect(*each.device));
  }
  return success();
}

void VirtioDevices::add_commands(ControlCommands& commands) const {
  for (const DeviceKind* kind : device_kinds()) {
    std::vector<virtio::Device*> devices;
    for (const Made& each : made_) {
      if (each.kind == kind) {
        devices.push_back(each.device);
      }
    }
    kind->add_commands(devices, commands);
  }
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
