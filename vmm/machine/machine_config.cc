#include "vmm/machine/machine_config.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "arch/layout.h"
#include "devices/virtio/console/console.h"

namespace bothy {
namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kHugePageSize = 2 * layout::kMiB;
// Below this not even the boot tables and a kernel's first megabyte fit.
constexpr std::uint64_t kMinMemory = 8 * layout::kMiB;
// More than any processor addresses; what this host's addresses is checked when the machine is
// built.
constexpr std::uint64_t kMaxMemory = 1ULL << 52U;
// Linux keeps a port's name in sysfs, and takes any length; udev names a link after it.
constexpr std::size_t kMaxPortName = 63;

bool is_port_name(const std::string& name) noexcept {
  constexpr std::string_view kOther = "._:-";
  return !name.empty() && name.size() <= kMaxPortName && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOther.find(c) != std::string_view::npos;
  });
}

Result<void> validate_ports(const std::vector<PortConfig>& ports) {
  if (ports.size() > virtio::Console::kMaxPorts) {
    return make_error(ErrorCode::kInvalid,
                      "--port: {} ports are more than a machine has: at most {}", ports.size(),
                      virtio::Console::kMaxPorts);
  }
  std::set<std::string_view> names;
  for (const PortConfig& port : ports) {
    if (!is_port_name(port.name)) {
      return make_error(ErrorCode::kInvalid,
                        "--port: '{}' is no port's name: 1 to {} letters, digits and '._:-' are",
                        port.name, kMaxPortName);
    }
    if (!names.insert(port.name).second) {
      return make_error(ErrorCode::kInvalid, "--port: two ports are named '{}'", port.name);
    }
  }
  return success();
}

Result<void> validate_disks(const std::vector<DiskConfig>& disks) {
  for (std::size_t i = 0; i < disks.size(); ++i) {
    BOTHY_TRY(validate(disks[i]));
    for (std::size_t j = 0; j < i; ++j) {
      if (disks[j].id == disks[i].id) {
        return make_error(ErrorCode::kInvalid, "--disk: {} and {} have the same id '{}'",
                          disks[j].path, disks[i].path, disks[i].id);
      }
    }
  }
  return success();
}

Result<void> validate_balloon(const MachineConfig& config) {
  if (!config.balloon) {
    return success();
  }
  if (config.backing == MemoryBacking::kSharedHuge) {
    return make_error(ErrorCode::kInvalid,
                      "--balloon: memory in huge pages can't be given back page by page: with "
                      "--memory-backing anonymous or shared it can");
  }
  if (config.balloon->size > config.memory) {
    return make_error(ErrorCode::kInvalid,
                      "--balloon: size={} is more than the guest's memory of {} bytes",
                      config.balloon->size, config.memory);
  }
  return success();
}

Result<void> validate_shares(const MachineConfig& config) {
  std::set<std::string_view> tags;
  for (const virtio::FsConfig& share : config.shares) {
    BOTHY_TRY(virtio::validate(share));
    if (!tags.insert(share.tag).second) {
      return make_error(ErrorCode::kInvalid, "--fs: two directories have the tag '{}'", share.tag);
    }
  }
  if (!config.shares.empty() && config.backing == MemoryBacking::kAnonymous) {
    return make_error(ErrorCode::kInvalid,
                      "--fs: virtiofsd must be able to map the guest's memory: it can with "
                      "--memory-backing shared or hugepages");
  }
  return success();
}

}  // namespace

Result<void> validate(const MachineConfig& config) {
  if (config.kernel.empty()) {
    return make_error(ErrorCode::kInvalid, "no kernel given: --kernel FILE names one");
  }
  if (config.vcpus == 0 || config.vcpus > layout::kMaxVcpus) {
    return make_error(ErrorCode::kInvalid, "--cpus {} is out of range: 1 to {}", config.vcpus,
                      layout::kMaxVcpus);
  }
  if (config.memory < kMinMemory) {
    return make_error(
        ErrorCode::kInvalid,
        "--memory of {} bytes is too little for any kernel: at least {}M (a number without "
        "a suffix counts bytes)",
        config.memory, kMinMemory / layout::kMiB);
  }
  if (config.memory > kMaxMemory) {
    return make_error(ErrorCode::kInvalid,
                      "--memory of {} GiB is more than a guest can address: at most {} GiB",
                      config.memory / layout::kGiB, kMaxMemory / layout::kGiB);
  }
  const std::uint64_t unit =
      config.backing == MemoryBacking::kSharedHuge ? kHugePageSize : kPageSize;
  if (config.memory % unit != 0) {
    return make_error(ErrorCode::kInvalid, "--memory of {} bytes is not a multiple of {} KiB",
                      config.memory, unit / layout::kKiB);
  }
  BOTHY_TRY(validate_disks(config.disks));
  BOTHY_TRY(validate_balloon(config));
  BOTHY_TRY(validate_shares(config));
  return validate_ports(config.ports);
}

}  // namespace bothy
