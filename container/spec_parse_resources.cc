#include <algorithm>
#include <limits>

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

constexpr std::uint64_t kMaxSwappiness = 100;
// sched.h and cgroup-v1/cpu of Linux.
constexpr std::uint64_t kMinShares = 2;
constexpr std::uint64_t kMaxShares = 262'144;
constexpr std::uint64_t kMinPeriod = 1'000;  // microseconds, as all here
constexpr std::uint64_t kMaxPeriod = 1'000'000;
constexpr std::uint16_t kMinWeight = 10;
constexpr std::uint16_t kMaxWeight = 1'000;

// A number, where 0 is the same as absent: callers written in Go send it for what their user didn't
// set, and to the kernel it would mean nothing, or a container that is killed at once.
template <class Number>
Result<void> read_limit(const SpecValue& value, std::string_view key, std::optional<Number>& into,
                        Number least, Number greatest = std::numeric_limits<Number>::max()) {
  return value.read_with(
      key, into, [&](const SpecValue& member, std::optional<Number>& limit) -> Result<void> {
        if (member.json().is_int64() && member.json().get_int64() == 0) {
          return success();
        }
        BOTHY_TRY(limit, member.number<Number>(least, greatest));
        return success();
      });
}

// -1: no limit.
Result<void> read_limit(const SpecValue& value, std::string_view key,
                        std::optional<std::int64_t>& into) {
  return read_limit(value, key, into, std::int64_t{-1});
}

// What cgroups have and bothy doesn't set: absent, 0 or -1.
Result<void> refuse(const SpecValue& value, std::string_view key, std::string_view remedy = {}) {
  std::optional<std::int64_t> number;
  BOTHY_TRY(read_limit(value, key, number));
  if (number && *number > 0) {
    return value.wrong(key, fmt::format("not supported{}", remedy));
  }
  return success();
}

// Likewise: absent or empty.
Result<void> refuse_entries(const SpecValue& value, std::string_view key,
                            std::string_view remedy = {}) {
  std::string none;
  return value.read_with(key, none, [&](const SpecValue& member, auto&) -> Result<void> {
    const boost::json::value& json = member.json();
    if ((json.is_array() && json.get_array().empty()) ||
        (json.is_object() && json.get_object().empty())) {
      return success();
    }
    return member.wrong(fmt::format("not supported{}", remedy));
  });
}

Result<void> read_memory(const SpecValue& value, Resources& resources) {
  BOTHY_TRY(read_limit(value, "limit", resources.memory));
  BOTHY_TRY(read_limit(value, "reservation", resources.memory_reservation));
  BOTHY_TRY(read_limit(value, "swap", resources.memory_and_swap));
  BOTHY_TRY(refuse(value, "kernel", "; 'limit' counts the kernel's memory as well"));
  BOTHY_TRY(refuse(value, "kernelTCP", "; 'limit' counts the kernel's memory as well"));
  BOTHY_TRY(
      value.read_number("swappiness", resources.swappiness, std::uint64_t{0}, kMaxSwappiness));
  BOTHY_TRY(value.read("disableOOMKiller", resources.disable_oom_killer));
  // Every hierarchy is one that counts in this way, since Linux 5.11.
  bool hierarchy = true;
  BOTHY_TRY(value.read("useHierarchy", hierarchy));
  BOTHY_TRY(value.read("checkBeforeUpdate", resources.check_memory_before_update));
  if (resources.memory.value_or(-1) > 0 && resources.memory_and_swap.value_or(-1) > 0 &&
      *resources.memory_and_swap < *resources.memory) {
    return value.wrong("swap", "less than 'limit', which it includes");
  }
  return success();
}

// cpuset(7), List Format.
Result<void> read_list(const SpecValue& value, std::string& list) {
  BOTHY_TRY(list, value.text());
  if (list.find_first_not_of("0123456789,-") != std::string::npos) {
    return value.wrong("expected a list like '0-3,7'");
  }
  return success();
}

Result<void> read_cpu(const SpecValue& value, Resources& resources) {
  BOTHY_TRY(read_limit(value, "shares", resources.cpu_shares, kMinShares, kMaxShares));
  BOTHY_TRY(read_limit(value, "quota", resources.cpu_quota));
  BOTHY_TRY(read_limit(value, "period", resources.cpu_period, kMinPeriod, kMaxPeriod));
  BOTHY_TRY(value.read_number("burst", resources.cpu_burst));
  const std::int64_t quota = resources.cpu_quota.value_or(-1);
  if (quota > 0 && quota < static_cast<std::int64_t>(kMinPeriod)) {
    return value.wrong("quota", fmt::format("less than {} microseconds", kMinPeriod));
  }
  if (quota > 0 && resources.cpu_burst.value_or(0) > static_cast<std::uint64_t>(quota)) {
    return value.wrong("burst", "larger than the quota");
  }
  BOTHY_TRY(refuse(value, "realtimeRuntime"));
  BOTHY_TRY(refuse(value, "realtimePeriod"));
  BOTHY_TRY(value.read_with("cpus", resources.cpuset_cpus, read_list));
  BOTHY_TRY(value.read_with("mems", resources.cpuset_memories, read_list));
  return value.read_number("idle", resources.cpu_idle, std::int64_t{0}, std::int64_t{1});
}

Result<void> read_throttle(const SpecValue& value, BlockLimit& limit) {
  BOTHY_TRY(read_device_numbers(value, limit.major, limit.minor));
  BOTHY_TRY(value.require("rate"));
  return value.read_number("rate", limit.value);
}

Result<void> read_block(const SpecValue& value, Resources& resources) {
  BOTHY_TRY(read_limit(value, "weight", resources.block_weight, kMinWeight, kMaxWeight));
  BOTHY_TRY(refuse(value, "leafWeight"));
  BOTHY_TRY(value.read_each("throttleReadBpsDevice", resources.read_bytes, read_throttle));
  BOTHY_TRY(value.read_each("throttleWriteBpsDevice", resources.write_bytes, read_throttle));
  BOTHY_TRY(value.read_each("throttleReadIOPSDevice", resources.read_operations, read_throttle));
  BOTHY_TRY(value.read_each("throttleWriteIOPSDevice", resources.write_operations, read_throttle));
  return refuse_entries(value, "weightDevice", "; set io.weight in linux.resources.unified");
}

Result<void> read_processes(const SpecValue& value, Resources& resources) {
  return value.read_number("limit", resources.processes, std::int64_t{-1});
}

// <size><unit-prefix>B, a part of a file's name in the cgroup.
bool is_page_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  return digits > 0 && (unit == "KB" || unit == "MB" || unit == "GB");
}

Result<void> read_huge_pages(const SpecValue& value, std::pair<std::string, std::uint64_t>& limit) {
  BOTHY_TRY(value.require("pageSize"));
  BOTHY_TRY(value.read("pageSize", limit.first));
  if (!is_page_size(limit.first)) {
    return value.wrong("pageSize", "expected a size like '2MB'");
  }
  BOTHY_TRY(value.require("limit"));
  return value.read_number("limit", limit.second);
}

Result<void> refuse_network(const SpecValue& value, Resources& /*resources*/) {
  BOTHY_TRY(refuse(value, "classID"));
  return refuse_entries(value, "priorities");
}

// config-linux.md, Unified: each name is a file of the cgroup.
Result<void> read_unified(const SpecValue& value, Resources& resources) {
  return value.read_members([&](const SpecValue& member, std::string_view name) -> Result<void> {
    BOTHY_TRY(std::string text, member.text());
    if (name.find('/') != std::string_view::npos || name.find('.') == 0 ||
        name.find('.') == std::string_view::npos) {
      return member.wrong("expected the name of a file of cgroup v2, like 'memory.high'");
    }
    resources.unified.emplace_back(name, std::move(text));
    return success();
  });
}

}  // namespace

// config-linux.md, Control groups.
Result<void> read_resources(const SpecValue& value, OciSpec& spec) {
  Resources& resources = spec.resources;
  BOTHY_TRY(value.read_each("devices", spec.device_rules, read_device_rule));
  BOTHY_TRY(value.read_with("memory", resources, read_memory));
  BOTHY_TRY(value.read_with("cpu", resources, read_cpu));
  BOTHY_TRY(value.read_with("blockIO", resources, read_block));
  BOTHY_TRY(value.read_with("pids", resources, read_processes));
  BOTHY_TRY(value.read_each("hugepageLimits", resources.huge_pages, read_huge_pages));
  BOTHY_TRY(value.read_with("network", resources, refuse_network));
  BOTHY_TRY(refuse_entries(value, "rdma"));
  return value.read_with("unified", resources, read_unified);
}

}  // namespace bothy::container
