#include "container/cgroup_limits.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/files.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

constexpr std::array<std::string_view, 9> kUnifiedControllers{
    "cpu", "cpuset", "io", "memory", "hugetlb", "pids", "rdma", "misc", "dmem"};

Result<void> check_number(const std::optional<std::int64_t>& value, const char* limit) {
  if (value && *value < -1) {
    return make_error(ErrorCode::kInvalid,
                      "invalid {} {}: expected a positive number, or -1 for none", limit, *value);
  }
  return success();
}

Result<void> check(const Resources& resources) {
  BOTHY_TRY(check_number(resources.memory, "memory limit"));
  BOTHY_TRY(check_number(resources.memory_reservation, "memory reservation"));
  BOTHY_TRY(check_number(resources.memory_and_swap, "memory and swap limit"));
  BOTHY_TRY(check_number(resources.cpu_quota, "CPU quota"));
  BOTHY_TRY(check_number(resources.processes, "process limit"));
  if (resources.memory_and_swap.value_or(0) <= 0) {
    return success();
  }
  if (resources.memory.value_or(0) <= 0) {
    return make_error(ErrorCode::kInvalid,
                      "a limit of memory and swap ({}) needs a memory limit as well",
                      *resources.memory_and_swap);
  }
  if (*resources.memory_and_swap < *resources.memory) {
    return make_error(ErrorCode::kInvalid,
                      "the limit of memory and swap ({}) is below the memory limit ({}): swap is "
                      "what it has beyond memory",
                      *resources.memory_and_swap, *resources.memory);
  }
  return success();
}

bool is_page_size(std::string_view size) {
  const std::size_t digits = std::min(size.find_first_not_of("0123456789"), size.size());
  const std::string_view unit = size.substr(digits);
  return digits > 0 && digits < 8 && (unit == "KB" || unit == "MB" || unit == "GB");
}

Result<void> add_huge_pages(const Resources& resources, bool v1, LimitWrites& writes) {
  for (const auto& [size, bytes] : resources.huge_pages) {
    if (!is_page_size(size)) {
      return make_error(ErrorCode::kInvalid,
                        "invalid size of huge pages '{}': expected one like '2MB' or '1GB'",
                        printable(size));
    }
    const std::string prefix = "hugetlb." + size;
    const std::string limit = "limit of huge pages of " + size;
    const std::string remedy = "this host has no huge pages of that size";
    const std::string suffix = v1 ? "limit_in_bytes" : "max";
    writes.push_back({"hugetlb", prefix + "." + suffix, std::to_string(bytes), limit, remedy});
    // Reservations would otherwise succeed and their use end in SIGBUS. Since Linux 5.7.
    writes.push_back({.controller = "hugetlb",
                      .file = prefix + ".rsvd." + suffix,
                      .value = std::to_string(bytes),
                      .limit = limit,
                      .remedy = remedy,
                      .optional = true});
  }
  return success();
}

// The controller of a file of `unified`, "" for cgroup.*. A name never leaves the cgroup, and what
// moves, ends or freezes processes, or hands controllers on, isn't a limit.
Result<std::string> controller_of(const std::string& file) {
  const std::string controller = file.substr(0, file.find('.'));
  const bool plain = file.size() > controller.size() + 1 &&
                     file.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789._-") == std::string::npos;
  if (plain && std::ranges::count(kUnifiedControllers, controller) > 0) {
    return controller;
  }
  if (file == "cgroup.max.depth" || file == "cgroup.max.descendants") {
    return std::string();
  }
  return make_error(ErrorCode::kInvalid,
                    "invalid cgroup file '{}': expected one of a controller, like 'memory.high', "
                    "cgroup.max.depth or cgroup.max.descendants",
                    printable(file));
}

Result<void> add_unified(const Resources& resources, const std::vector<std::string>& v1_controllers,
                         LimitWrites& writes) {
  for (const auto& [file, value] : resources.unified) {
    BOTHY_TRY(const std::string controller, controller_of(file));
    const bool in_v1 = std::ranges::count(v1_controllers, controller) > 0 ||
                       (controller == "io" && std::ranges::count(v1_controllers, "blkio") > 0);
    if (in_v1) {
      return make_error(ErrorCode::kUnsupported,
                        "can't set '{}': controller '{}' is in cgroup v1 on this host; use v1's "
                        "limit, or boot with systemd.unified_cgroup_hierarchy=1",
                        file, controller);
    }
    // One write sets one line (cgroup-v2.rst, Nested keyed).
    for (const std::string_view line : lines_of(value)) {
      writes.push_back({controller, file, std::string(line), "value of '" + file + "'",
                        "this kernel's controller has no such file"});
    }
  }
  return success();
}

void add_cpuset(const Resources& resources, LimitWrites& writes) {
  if (!resources.cpuset_cpus.empty()) {
    writes.push_back({"cpuset", "cpuset.cpus", resources.cpuset_cpus, "set of CPUs", {}});
  }
  if (!resources.cpuset_memories.empty()) {
    writes.push_back(
        {"cpuset", "cpuset.mems", resources.cpuset_memories, "set of memory nodes", {}});
  }
}

void add_processes(const Resources& resources, LimitWrites& writes) {
  if (limits::is_set(resources.processes)) {
    writes.push_back({"pids",
                      "pids.max",
                      *resources.processes < 0 ? "max" : std::to_string(*resources.processes),
                      "process limit",
                      {}});
  }
}

}  // namespace

Result<LimitWrites> limit_writes(const Resources& resources,
                                 const std::vector<std::string>& v1_controllers) {
  const auto v1 = [&](std::string_view controller) {
    return std::ranges::count(v1_controllers, controller) > 0;
  };
  BOTHY_TRY(check(resources));
  LimitWrites writes;
  // The memory of a NUMA node must be allowed before pages are charged to it.
  add_cpuset(resources, writes);
  if (v1("memory")) {
    limits::add_memory_v1(resources, writes);
  } else {
    BOTHY_TRY(limits::add_memory_v2(resources, writes));
  }
  v1("cpu") ? limits::add_cpu_v1(resources, writes) : limits::add_cpu_v2(resources, writes);
  add_processes(resources, writes);
  v1("blkio") ? limits::add_block_v1(resources, writes) : limits::add_io_v2(resources, writes);
  BOTHY_TRY(add_huge_pages(resources, v1("hugetlb"), writes));
  BOTHY_TRY(add_unified(resources, v1_controllers, writes));
  return writes;
}

}  // namespace bothy::container
