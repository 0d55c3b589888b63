// VirtioDevices: the virtio devices of one machine, each behind its window, doorbells and interrupt
// line.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "arch/firmware_tables.h"
#include "base/executor.h"
#include "base/result.h"
#include "devices/bus.h"
#include "devices/character.h"
#include "devices/interrupt.h"
#include "devices/virtio/block/block.h"
#include "devices/virtio/console/console.h"
#include "devices/virtio/net/net.h"
#include "devices/virtio/transport/mmio.h"
#include "memory/guest_memory.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

// Where the virtio devices of a configuration are, in the order in which create() makes them.
[[nodiscard]] std::vector<arch::BusDevice> virtio_windows(const MachineConfig& config);

// Where consoles print. Outlives the devices.
struct ConsoleSinks {
  CharacterSink& console;
  std::span<CharacterSink* const> ports;  // as many as the configuration has
};

// A virtiofsd of each share, in the order of the configuration. They take a while until they serve:
// the sooner they are started the better.
using ShareServers = std::vector<std::unique_ptr<Virtiofsd>>;
[[nodiscard]] Result<ShareServers> start_share_servers(const MachineConfig& config);

// One executor serves them all. What it was built with outlives it.
class VirtioDevices {
 public:
  // Adds every device to `mmio` and binds its interrupt and doorbells.
  [[nodiscard]] static Result<std::unique_ptr<VirtioDevices>> create(
      const MachineConfig& config, const ConsoleSinks& sinks, Vm& vm, const GuestMemory& memory,
      Bus& mmio, ShareServers servers);

  VirtioDevices(const VirtioDevices&) = delete;
  VirtioDevices& operator=(const VirtioDevices&) = delete;
  ~VirtioDevices() { stop(); }

  // Waits until the servers of shares serve; before the guest runs.
  [[nodiscard]] Result<void> connect();

  // Null when there is none with that id. It lives as long as this.
  [[nodiscard]] virtio::Block* find_disk(std::string_view id) const noexcept;

  // In the order of the configuration. They live as long as this.
  [[nodiscard]] std::span<const virtio::Net* const> nets() const noexcept { return nets_; }
  // The guest's console, and the device that has the ports; null without. They live as long as
  // this.
  [[nodiscard]] virtio::Console* console() const noexcept { return console_; }
  [[nodiscard]] virtio::Console* ports() const noexcept { return ports_; }

  // Null without one. It lives as long as this.
  [[nodiscard]] virtio::Balloon* balloon() const noexcept { return balloon_; }

  // Stops every device and the executor; no vCPU may run any longer. Harmless when called again.
  void stop() noexcept;

 private:
  VirtioDevices() = default;

  using DeviceList = std::vector<std::unique_ptr<virtio::Device>>;

  // In the order of their windows. `servers` has one of each share.
  [[nodiscard]] Result<DeviceList> make_devices(const MachineConfig& config,
                                                const ConsoleSinks& sinks,
                                                const GuestMemory& memory, ShareServers servers);
  [[nodiscard]] Result<void> attach(std::unique_ptr<virtio::Device> device,
                                    const arch::BusDevice& window, Vm& vm,
                                    const GuestMemory& memory, Bus& mmio);

  Executor executor_{"devices"};
  std::vector<std::unique_ptr<Interrupt>> lines_;
  std::vector<std::unique_ptr<virtio::MmioTransport>> transports_;
  std::vector<virtio::Block*> disks_;     // of transports_
  std::vector<const virtio::Net*> nets_;  // likewise
  virtio::Console* console_ = nullptr;    // of transports_, as what follows
  virtio::Console* ports_ = nullptr;
  virtio::Balloon* balloon_ = nullptr;
  std::vector<virtio::Fs*> shares_;
};

}  // namespace bothy
