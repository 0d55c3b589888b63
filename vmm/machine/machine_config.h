// MachineConfig: what a user can choose about a machine, as a plain struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/cpu_features.h"
#include "base/result.h"
#include "devices/host/console/config.h"
#include "devices/virtio/device_kind.h"
#include "memory/guest_memory.h"

namespace bothy {

struct MachineConfig {
  std::string kernel;                // path
  std::vector<std::string> initrds;  // paths, concatenated in this order
  std::string cmdline;               // the user's parameters; they override the defaults
  bool unpack_kernel = true;  // boot a compressed kernel's payload directly where that can be done

  std::uint32_t vcpus = 1;  // 1 to layout::kMaxVcpus
  arch::CpuFeatures cpu_features;
  bool core_scheduling = false;          // no other process's threads on the guest's cores
  std::uint64_t memory = 512ULL << 20U;  // bytes of RAM, a multiple of 4 KiB
  std::optional<MemoryBacking> backing;  // without: memory_backing() chooses

  ConsoleConfig console;
  // The guest finds devices in the order of device_kinds(), and those of one kind in this order.
  std::vector<DeviceConfig> devices;
};

// Adds a device; of a kind that a machine has once, it replaces the one before it.
void add_device(MachineConfig& config, DeviceConfig device);

// The entries of one kind, in their order. They point into `config`.
[[nodiscard]] std::vector<const DeviceConfig*> devices_of(const MachineConfig& config,
                                                          const DeviceKind& kind);

// As chosen; else shared where a device needs that, and anonymous otherwise.
[[nodiscard]] MemoryBacking memory_backing(const MachineConfig& config) noexcept;

// Ranges of single fields and what holds between devices; errors name the flag. Whether a kernel
// fits is found when it is loaded.
[[nodiscard]] Result<void> validate(const MachineConfig& config);

}  // namespace bothy
