#include "vmm/machine/machine_config.h"

#include <algorithm>

#include "arch/layout.h"
#include "vmm/machine/device_kinds.h"

namespace bothy {
namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kHugePageSize = 2 * layout::kMiB;
// Below this not even the boot tables and a kernel's first megabyte fit.
constexpr std::uint64_t kMinMemory = 8 * layout::kMiB;
// More than any processor addresses; what this host's processor addresses is checked when the
// machine is built.
constexpr std::uint64_t kMaxMemory = 1ULL << 52U;

Result<void> validate_memory(const MachineConfig& config) {
  if (config.memory < kMinMemory) {
    return make_error(
        ErrorCode::kInvalid,
        "--memory: {} bytes are too little for any kernel: at least {}M are needed (a number "
        "without a suffix counts bytes)",
        config.memory, kMinMemory / layout::kMiB);
  }
  if (config.memory > kMaxMemory) {
    return make_error(ErrorCode::kInvalid,
                      "--memory: {} GiB are more than a guest can address: at most {} GiB",
                      config.memory / layout::kGiB, kMaxMemory / layout::kGiB);
  }
  const std::uint64_t unit =
      memory_backing(config) == MemoryBacking::kSharedHuge ? kHugePageSize : kPageSize;
  if (config.memory % unit != 0) {
    return make_error(ErrorCode::kInvalid, "--memory: {} bytes are not a multiple of {} KiB",
                      config.memory, unit / layout::kKiB);
  }
  return success();
}

}  // namespace

void add_device(MachineConfig& config, DeviceConfig device) {
  if (device.kind().flag().use != DeviceKind::Use::kRepeated) {
    std::erase_if(config.devices,
                  [&](const DeviceConfig& each) { return &each.kind() == &device.kind(); });
  }
  config.devices.push_back(std::move(device));
}

std::vector<const DeviceConfig*> devices_of(const MachineConfig& config, const DeviceKind& kind) {
  std::vector<const DeviceConfig*> found;
  for (const DeviceConfig& device : config.devices) {
    if (&device.kind() == &kind) {
      found.push_back(&device);
    }
  }
  return found;
}

MemoryBacking memory_backing(const MachineConfig& config) noexcept {
  if (config.backing) {
    return *config.backing;
  }
  const bool shared = std::ranges::any_of(config.devices, [](const DeviceConfig& device) {
    return device.kind().traits().needs_shared_memory;
  });
  return shared ? MemoryBacking::kShared : MemoryBacking::kAnonymous;
}

Result<void> validate(const MachineConfig& config) {
  if (config.kernel.empty()) {
    return make_error(ErrorCode::kInvalid, "no kernel given: --kernel FILE is required");
  }
  if (config.vcpus == 0 || config.vcpus > layout::kMaxVcpus) {
    return make_error(ErrorCode::kInvalid, "--cpus: {} is out of range: expected 1 to {}",
                      config.vcpus, layout::kMaxVcpus);
  }
  BOTHY_TRY(validate_memory(config));
  const MemoryPlan memory{config.memory, memory_backing(config)};
  for (const DeviceKind* kind : device_kinds()) {
    BOTHY_TRY(kind->validate(devices_of(config, *kind), memory));
  }
  return success();
}

}  // namespace bothy
