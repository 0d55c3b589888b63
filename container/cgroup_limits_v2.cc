#include <algorithm>
#include <cmath>

#include "container/cgroup_limits.h"

namespace bothy::container {

// The formula of runc 1.3.2 and crun 1.23, for which the default of one is the default of the
// other; the straight line before gave a container with 1024 shares 39 where every other cgroup has
// 100.
std::uint64_t cpu_weight(std::uint64_t shares) {
  constexpr std::uint64_t kMinShares = 2;
  constexpr std::uint64_t kMaxShares = 262144;
  const double power = std::log2(static_cast<double>(std::clamp(shares, kMinShares, kMaxShares)));
  const double weight = std::pow(10.0, (power * power + 125.0 * power) / 612.0 - 7.0 / 34.0);
  constexpr double kRounding = 1e-6;  // 100 is 100.0000000001 on some processors
  return static_cast<std::uint64_t>(std::clamp(std::ceil(weight - kRounding), 1.0, 10000.0));
}

std::uint64_t io_weight(std::uint64_t block_weight) {
  return 1 + (std::clamp<std::uint64_t>(block_weight, 10, 1000) - 10) * 9999 / 990;
}

namespace limits {
namespace {

std::string or_max(std::int64_t value) {
  return value < 0 ? "max" : std::to_string(value);
}

}  // namespace

void add_cpu_v2(const Resources& resources, LimitWrites& writes) {
  // The kernel refuses a weight for a cgroup that is idle.
  if (resources.cpu_idle == 0) {
    writes.push_back({"cpu", "cpu.idle", "0", "CPU idle class", "it came with Linux 5.15"});
  }
  if (is_set(resources.cpu_shares)) {
    writes.push_back(
        {"cpu", "cpu.weight", std::to_string(cpu_weight(*resources.cpu_shares)), "CPU shares", {}});
  }
  if (is_set(resources.cpu_quota) || is_set(resources.cpu_period)) {
    std::string value = or_max(is_set(resources.cpu_quota) ? *resources.cpu_quota : -1);
    if (is_set(resources.cpu_period)) {
      value += " " + std::to_string(*resources.cpu_period);
    }
    writes.push_back({.controller = "cpu",
                      .file = "cpu.max",
                      .value = std::move(value),
                      .limit = "CPU quota",
                      .remedy = "the kernel needs CONFIG_CFS_BANDWIDTH",
                      .checked_against_next = resources.cpu_burst.has_value()});
  }
  if (resources.cpu_burst) {
    writes.push_back({"cpu", "cpu.max.burst", std::to_string(*resources.cpu_burst), "CPU burst",
                      "it came with Linux 5.14"});
  }
  if (is_set(resources.cpu_idle)) {
    writes.push_back({"cpu", "cpu.idle", std::to_string(*resources.cpu_idle), "CPU idle class",
                      "it came with Linux 5.15"});
  }
}

Result<void> add_memory_v2(const Resources& resources, LimitWrites& writes) {
  if (resources.swappiness || resources.disable_oom_killer) {
    return make_error(
        ErrorCode::kUnsupported, "can't set the {}: cgroup v2 has none for a cgroup; leave it out",
        resources.disable_oom_killer ? "exemption from the OOM killer" : "swappiness");
  }
  if (is_set(resources.memory)) {
    writes.push_back({"memory", "memory.max", or_max(*resources.memory), "memory limit", {}});
  }
  if (is_set(resources.memory_and_swap) || resources.memory == -1) {
    const bool limited = resources.memory_and_swap.value_or(0) > 0;
    writes.push_back(
        {.controller = "memory",
         .file = "memory.swap.max",
         .value = limited ? std::to_string(*resources.memory_and_swap - *resources.memory) : "max",
         .limit = "swap limit",
         .remedy = "boot with swapaccount=1",
         .optional = !limited});
  }
  if (is_set(resources.memory_reservation)) {
    writes.push_back(
        {"memory", "memory.low", or_max(*resources.memory_reservation), "memory reservation", {}});
  }
  return success();
}

void add_io_v2(const Resources& resources, LimitWrites& writes) {
  if (is_set(resources.block_weight)) {
    writes.push_back({.controller = "io",
                      .file = "io.bfq.weight",
                      .value = std::to_string(*resources.block_weight),
                      .limit = "block I/O weight",
                      .remedy = "it needs the I/O scheduler bfq, or CONFIG_BLK_CGROUP_IOCOST",
                      .other_file = "io.weight",
                      .other_value = std::to_string(io_weight(*resources.block_weight))});
  }
  const auto add = [&](const std::vector<BlockLimit>& list, const char* key) {
    for (const BlockLimit& each : list) {
      const std::string value = each.value == 0 ? "max" : std::to_string(each.value);
      writes.push_back({"io", "io.max",
                        fmt::format("{}:{} {}={}", each.major, each.minor, key, value),
                        fmt::format("I/O limit of block device {}:{}", each.major, each.minor),
                        "the kernel needs CONFIG_BLK_DEV_THROTTLING"});
    }
  };
  add(resources.read_bytes, "rbps");
  add(resources.write_bytes, "wbps");
  add(resources.read_operations, "riops");
  add(resources.write_operations, "wiops");
}

}  // namespace limits
}  // namespace bothy::container
