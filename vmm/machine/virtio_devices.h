// VirtioDevices: the virtio devices of one machine, each behind its window, doorbells and interrupt
// line.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "arch/firmware_tables.h"
#include "base/control_commands.h"
#include "base/executor.h"
#include "base/result.h"
#include "devices/bus.h"
#include "devices/character.h"
#include "devices/interrupt.h"
#include "devices/virtio/console/console.h"
#include "devices/virtio/device_kind.h"
#include "devices/virtio/transport/mmio.h"
#include "memory/guest_memory.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

// The windows of a configuration's virtio devices, in the order in which create() makes them.
[[nodiscard]] std::vector<arch::BusDevice> virtio_windows(const MachineConfig& config);

// Where a guest's output goes. Outlives the devices.
struct ConsoleSinks {
  CharacterSink& console;
  // Of the configuration's devices that have a CharacterChannel, in their order.
  std::span<CharacterSink* const> devices;
};

// What DeviceKind::prepare() started, by the index of the device in the configuration.
using PreparedDevices = std::vector<std::unique_ptr<PreparedDevice>>;
[[nodiscard]] Result<PreparedDevices> prepare_devices(const MachineConfig& config);

// One executor serves them all. What it was built with outlives it.
class VirtioDevices {
 public:
  // Adds every device to `mmio` and binds its interrupt and doorbells.
  [[nodiscard]] static Result<std::unique_ptr<VirtioDevices>> create(
      const MachineConfig& config, const ConsoleSinks& sinks, Vm& vm, const GuestMemory& memory,
      Bus& mmio, PreparedDevices prepared);

  VirtioDevices(const VirtioDevices&) = delete;
  VirtioDevices& operator=(const VirtioDevices&) = delete;
  ~VirtioDevices() { stop(); }

  // DeviceKind::connect() of every device, before the guest runs.
  [[nodiscard]] Result<void> connect();

  // The executor enters its role, before it serves a driver.
  void confine() { executor_.confine(); }

  // The guest's own console; null without one. It lives as long as this object.
  [[nodiscard]] virtio::Console* console() const noexcept { return console_; }
  // In the order of ConsoleSinks::devices.
  [[nodiscard]] const std::vector<CharacterEnd>& character_ends() const noexcept { return ends_; }
  // This object outlives the commands.
  void add_commands(ControlCommands& commands) const;

  // Stops every device and the executor; no vCPU may run any longer. Harmless when called again.
  void stop() noexcept;

 private:
  struct Made {
    const DeviceKind* kind;
    virtio::Device* device;  // of transports_
  };

  VirtioDevices() = default;

  // In the order of their windows.
  [[nodiscard]] Result<std::vector<std::unique_ptr<virtio::Device>>> make_devices(
      const MachineConfig& config, const ConsoleSinks& sinks, const GuestMemory& memory,
      PreparedDevices prepared);
  [[nodiscard]] Result<void> attach(std::unique_ptr<virtio::Device> device,
                                    const arch::BusDevice& window, Vm& vm,
                                    const GuestMemory& memory, Bus& mmio);

  Executor executor_{"devices"};
  std::vector<std::unique_ptr<Interrupt>> lines_;
  std::vector<std::unique_ptr<virtio::MmioTransport>> transports_;
  virtio::Console* console_ = nullptr;  // of transports_
  std::vector<Made> made_;              // without the guest's own console
  std::vector<CharacterEnd> ends_;
};

}  // namespace bothy
