#include "vmm/machine/machine_config.h"

#include "vmm/arch/x86_64/layout.h"

namespace bothy {
namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kHugePageSize = 2 * layout::kMiB;
// Below this not even the boot tables and a kernel's first megabyte fit.
constexpr std::uint64_t kMinMemory = 8 * layout::kMiB;
// More than any processor addresses; what this host's addresses is checked when the machine is
// built.
constexpr std::uint64_t kMaxMemory = 1ULL << 52U;

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
  return validate_disks(config.disks);
}

}  // namespace bothy
