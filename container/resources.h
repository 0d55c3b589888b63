// Resources: the limits of a cgroup, in the terms of the OCI runtime specification
// (config-linux.md, Control groups). What isn't set stays as the kernel has it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bothy::container {

// A limit of a block device.
struct BlockLimit {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint64_t value = 0;  // bytes or operations a second
};

struct Resources {
  // Bytes; -1: no limit.
  std::optional<std::int64_t> memory = {};
  std::optional<std::int64_t> memory_reservation = {};
  std::optional<std::int64_t> memory_and_swap = {};
  std::optional<std::uint64_t> swappiness = {};  // v1 alone
  bool disable_oom_killer = false;               // v1 alone
  bool check_memory_before_update = false;

  std::optional<std::uint64_t> cpu_shares = {};  // 2 to 262144
  std::optional<std::int64_t> cpu_quota = {};    // microseconds in a period; -1: no limit
  std::optional<std::uint64_t> cpu_period = {};  // microseconds
  std::optional<std::uint64_t> cpu_burst = {};   // microseconds
  std::optional<std::int64_t> cpu_idle = {};
  std::string cpuset_cpus = {};
  std::string cpuset_memories = {};

  std::optional<std::int64_t> processes = {};  // -1: no limit

  std::optional<std::uint16_t> block_weight = {};  // 10 to 1000
  std::vector<BlockLimit> read_bytes = {};
  std::vector<BlockLimit> write_bytes = {};
  std::vector<BlockLimit> read_operations = {};
  std::vector<BlockLimit> write_operations = {};

  std::vector<std::pair<std::string, std::uint64_t>> huge_pages = {};  // "2MB", bytes
  std::vector<std::pair<std::string, std::string>> unified = {};  // files of cgroup v2, in order
};

}  // namespace bothy::container
