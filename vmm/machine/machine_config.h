// MachineConfig: what a user can choose about a machine, as a plain struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/cpu_features.h"
#include "base/result.h"
#include "devices/host/console/config.h"
#include "devices/host/disk/config.h"
#include "devices/host/net/config.h"
#include "devices/virtio/balloon/balloon.h"
#include "devices/virtio/fs/fs.h"
#include "devices/virtio/vsock/vsock.h"
#include "memory/guest_memory.h"

namespace bothy {

struct MachineConfig {
  std::string kernel;                // path
  std::vector<std::string> initrds;  // paths, concatenated in this order
  std::string cmdline;               // the user's; it wins over the defaults
  bool unpack_kernel = true;  // boot a compressed kernel's payload directly where that can be done

  std::uint32_t vcpus = 1;  // 1 to layout::kMaxVcpus
  arch::CpuFeatures cpu_features;
  std::uint64_t memory = 512ULL << 20U;  // bytes of RAM, a multiple of 4 KiB
  MemoryBacking backing = MemoryBacking::kAnonymous;

  std::vector<DiskConfig> disks;  // each with an id of its own
  std::vector<NetConfig> nets;
  ConsoleConfig console;
  std::vector<PortConfig> ports;  // of a virtio console beside the guest's own
  bool rng = false;               // a virtio entropy device
  std::optional<virtio::VsockConfig> vsock;
  std::optional<virtio::BalloonConfig> balloon;
  std::vector<virtio::FsConfig> shares;  // each with a tag of its own; they want shared memory
};

// Ranges of single fields, with an error that names the flag. Whether a kernel fits is found when
// it's loaded.
[[nodiscard]] Result<void> validate(const MachineConfig& config);

}  // namespace bothy
