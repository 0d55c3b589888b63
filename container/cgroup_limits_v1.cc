#include "container/cgroup_limits.h"

namespace bothy::container::limits {

// scheduler/sched-bwc.rst
void add_cpu_v1(const Resources& resources, LimitWrites& writes) {
  if (is_set(resources.cpu_shares)) {
    writes.push_back(
        {"cpu", "cpu.shares", std::to_string(*resources.cpu_shares), "CPU shares", {}});
  }
  const bool quota = is_set(resources.cpu_quota);
  if (is_set(resources.cpu_period)) {
    writes.push_back({.controller = "cpu",
                      .file = "cpu.cfs_period_us",
                      .value = std::to_string(*resources.cpu_period),
                      .limit = "CPU period",
                      .remedy = "the kernel needs CONFIG_CFS_BANDWIDTH",
                      .checked_against_next = quota});
  }
  if (quota) {
    writes.push_back({.controller = "cpu",
                      .file = "cpu.cfs_quota_us",
                      .value = std::to_string(*resources.cpu_quota),
                      .limit = "CPU quota",
                      .remedy = "the kernel needs CONFIG_CFS_BANDWIDTH",
                      .checked_against_next = resources.cpu_burst.has_value()});
  }
  if (resources.cpu_burst) {
    writes.push_back({"cpu", "cpu.cfs_burst_us", std::to_string(*resources.cpu_burst), "CPU burst",
                      "it came with Linux 5.14"});
  }
  if (resources.cpu_idle) {
    writes.push_back({"cpu", "cpu.idle", std::to_string(*resources.cpu_idle), "CPU idle class",
                      "it came with Linux 5.15"});
  }
}

// admin-guide/cgroup-v1/memory.rst
void add_memory_v1(const Resources& resources, LimitWrites& writes) {
  const bool swap = is_set(resources.memory_and_swap) || resources.memory == -1;
  if (is_set(resources.memory)) {
    writes.push_back({.controller = "memory",
                      .file = "memory.limit_in_bytes",
                      .value = std::to_string(*resources.memory),
                      .limit = "memory limit",
                      .checked_against_next = swap});
  }
  if (swap) {
    // Without a memory limit no limit of the sum makes sense, and the kernel would refuse it.
    const std::int64_t sum = is_set(resources.memory_and_swap) ? *resources.memory_and_swap : -1;
    writes.push_back({.controller = "memory",
                      .file = "memory.memsw.limit_in_bytes",
                      .value = std::to_string(sum),
                      .limit = "limit of memory and swap",
                      .remedy = "boot with swapaccount=1",
                      .optional = sum == -1});
  }
  if (is_set(resources.memory_reservation)) {
    writes.push_back({"memory",
                      "memory.soft_limit_in_bytes",
                      std::to_string(*resources.memory_reservation),
                      "memory reservation",
                      {}});
  }
  if (resources.swappiness) {
    writes.push_back(
        {"memory", "memory.swappiness", std::to_string(*resources.swappiness), "swappiness", {}});
  }
  if (resources.disable_oom_killer) {
    writes.push_back({"memory", "memory.oom_control", "1", "exemption from the OOM killer", {}});
  }
}

// admin-guide/cgroup-v1/blkio-controller.rst
void add_block_v1(const Resources& resources, LimitWrites& writes) {
  if (is_set(resources.block_weight)) {
    const std::string weight = std::to_string(*resources.block_weight);
    writes.push_back({.controller = "blkio",
                      .file = "blkio.bfq.weight",
                      .value = weight,
                      .limit = "block I/O weight",
                      .remedy = "it needs the I/O scheduler bfq",
                      .other_file = "blkio.weight",
                      .other_value = weight});
  }
  const auto add = [&](const std::vector<BlockLimit>& list, const char* file) {
    for (const BlockLimit& each : list) {
      writes.push_back({"blkio", file, fmt::format("{}:{} {}", each.major, each.minor, each.value),
                        fmt::format("I/O limit of block device {}:{}", each.major, each.minor),
                        "the kernel needs CONFIG_BLK_DEV_THROTTLING"});
    }
  };
  add(resources.read_bytes, "blkio.throttle.read_bps_device");
  add(resources.write_bytes, "blkio.throttle.write_bps_device");
  add(resources.read_operations, "blkio.throttle.read_iops_device");
  add(resources.write_operations, "blkio.throttle.write_iops_device");
}

}  // namespace bothy::container::limits
