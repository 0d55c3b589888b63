// Resources as values of cgroup files, for v2 (cgroup-v2.rst) and v1 (admin-guide/cgroup-v1).
//
// Callers of OCI runtimes write 0 for "not set" (runc does the same): so for memory, swap, CPU
// shares, quota and period, processes and block weight 0 changes nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/resources.h"

namespace bothy::container {

struct LimitWrite {
  std::string controller;  // empty: none, the file is in every cgroup of v2
  std::string file;
  std::string value;
  std::string limit;        // what it is to users: "memory limit"
  std::string remedy = {};  // where the file doesn't exist
  // Written instead where `file` doesn't exist.
  std::string other_file = {};
  std::string other_value = {};
  bool optional = false;  // where `file` doesn't exist, nothing limits
  // The kernel checks this value against the next write's file: on EINVAL that one goes first.
  bool checked_against_next = false;
};

using LimitWrites = std::vector<LimitWrite>;

// In the order in which they are written. `v1_controllers` are those that this host has in v1;
// all others are taken to be in v2. kInvalid for values that contradict each other, kUnsupported
// for a limit that the version doesn't have.
[[nodiscard]] Result<LimitWrites> limit_writes(const Resources& resources,
                                               const std::vector<std::string>& v1_controllers);

// cpu.weight (1 to 10000) for CPU shares (2 to 262144): 1, 100 and 10000 for 2, 1024 and 262144.
[[nodiscard]] std::uint64_t cpu_weight(std::uint64_t shares);
// io.weight (1 to 10000) for a block weight (10 to 1000).
[[nodiscard]] std::uint64_t io_weight(std::uint64_t block_weight);

// Parts of limit_writes().
namespace limits {

// Whether a limit is set; see above.
template <class T>
[[nodiscard]] bool is_set(const std::optional<T>& limit) {
  return limit && *limit != 0;
}

void add_cpu_v1(const Resources& resources, LimitWrites& writes);
void add_memory_v1(const Resources& resources, LimitWrites& writes);
void add_block_v1(const Resources& resources, LimitWrites& writes);

void add_cpu_v2(const Resources& resources, LimitWrites& writes);
[[nodiscard]] Result<void> add_memory_v2(const Resources& resources, LimitWrites& writes);
void add_io_v2(const Resources& resources, LimitWrites& writes);

}  // namespace limits

}  // namespace bothy::container
