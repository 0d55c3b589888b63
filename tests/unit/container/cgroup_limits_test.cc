#include "container/cgroup_limits.h"

#include "container/cgroup.h"
#include "tests/support/catch.h"

namespace bothy::container {
namespace {

using Lines = std::vector<std::string>;

const Lines kV1{"cpu", "cpuacct", "memory", "pids", "blkio", "hugetlb", "cpuset"};

Lines writes(const Resources& resources, const Lines& v1 = {}) {
  const auto made = limit_writes(resources, v1);
  if (!made) {
    return {made.error().context};
  }
  Lines lines;
  for (const LimitWrite& write : made.value()) {
    lines.push_back(write.file + " " + write.value);
  }
  return lines;
}

}  // namespace

TEST_CASE("Without limits nothing is written") {
  CHECK(writes({}).empty());
  CHECK(writes({}, kV1).empty());
  const Resources zeros{.memory = 0,
                        .memory_reservation = 0,
                        .memory_and_swap = 0,
                        .cpu_shares = 0,
                        .cpu_quota = 0,
                        .cpu_period = 0,
                        .processes = 0,
                        .block_weight = 0};
  CHECK(writes(zeros).empty());
  CHECK(writes(zeros, kV1).empty());
}

TEST_CASE("CPU shares become a weight") {
  CHECK(cpu_weight(0) == 1);
  CHECK(cpu_weight(2) == 1);
  CHECK(cpu_weight(1024) == 100);
  CHECK(cpu_weight(2000) == 170);    // runc 1.4's
  CHECK(cpu_weight(22000) == 1204);  // youki's
  CHECK(cpu_weight(262144) == 10000);
  CHECK(cpu_weight(~0ULL) == 10000);
  CHECK(writes({.cpu_shares = 1024}) == Lines{"cpu.weight 100"});
  CHECK(writes({.cpu_shares = 1024}, kV1) == Lines{"cpu.shares 1024"});
}

TEST_CASE("CPU quota and period") {
  CHECK(writes({.cpu_quota = 50000, .cpu_period = 200000}) == Lines{"cpu.max 50000 200000"});
  CHECK(writes({.cpu_quota = 50000}) == Lines{"cpu.max 50000"});
  CHECK(writes({.cpu_quota = -1, .cpu_period = 100000}) == Lines{"cpu.max max 100000"});
  CHECK(writes({.cpu_period = 100000}) == Lines{"cpu.max max 100000"});
  CHECK(writes({.cpu_quota = 50000, .cpu_burst = 1000, .cpu_idle = 1}) ==
        Lines{"cpu.max 50000", "cpu.max.burst 1000", "cpu.idle 1"});
  CHECK(writes({.cpu_shares = 2, .cpu_idle = 0}) == Lines{"cpu.idle 0", "cpu.weight 1"});
  CHECK(writes({.cpu_quota = 50000, .cpu_period = 200000, .cpu_burst = 0}, kV1) ==
        Lines{"cpu.cfs_period_us 200000", "cpu.cfs_quota_us 50000", "cpu.cfs_burst_us 0"});
  CHECK(writes({.cpu_quota = -2}) ==
        Lines{"invalid CPU quota -2: expected a positive number, or -1 for none"});
}

TEST_CASE("Values that the kernel checks against each other are marked") {
  const auto checked = [](const Resources& resources, const Lines& v1) {
    std::vector<bool> marks;
    const auto made = limit_writes(resources, v1);
    REQUIRE(made);
    for (const LimitWrite& write : made.value()) {
      marks.push_back(write.checked_against_next);
    }
    return marks;
  };
  CHECK(checked({.memory = 1, .memory_and_swap = 2}, kV1) == std::vector<bool>{true, false});
  CHECK(checked({.memory = 1}, kV1) == std::vector<bool>{false});
  CHECK(checked({.cpu_quota = 1, .cpu_period = 2}, kV1) == std::vector<bool>{true, false});
  CHECK(checked({.cpu_quota = 1, .cpu_burst = 2}, {}) == std::vector<bool>{true, false});
}

TEST_CASE("Memory and swap") {
  CHECK(writes({.memory = 4096}) == Lines{"memory.max 4096"});
  CHECK(writes({.memory = 4096, .memory_reservation = 1024, .memory_and_swap = 5000}) ==
        Lines{"memory.max 4096", "memory.swap.max 904", "memory.low 1024"});
  CHECK(writes({.memory = 4096, .memory_and_swap = 4096}) ==
        Lines{"memory.max 4096", "memory.swap.max 0"});
  CHECK(writes({.memory = 4096, .memory_and_swap = -1}) ==
        Lines{"memory.max 4096", "memory.swap.max max"});
  CHECK(writes({.memory = -1}) == Lines{"memory.max max", "memory.swap.max max"});
  CHECK(writes({.memory = 4096, .memory_and_swap = 5000, .swappiness = 0}, kV1) ==
        Lines{"memory.limit_in_bytes 4096", "memory.memsw.limit_in_bytes 5000",
              "memory.swappiness 0"});
  CHECK(
      writes({.memory = -1, .disable_oom_killer = true}, kV1) ==
      Lines{"memory.limit_in_bytes -1", "memory.memsw.limit_in_bytes -1", "memory.oom_control 1"});
}

TEST_CASE("Memory limits that contradict each other, or that v2 doesn't have, are errors") {
  for (const Lines& v1 : {Lines{}, kV1}) {
    CHECK(limit_writes({.memory_and_swap = 5000}, v1).error().code == ErrorCode::kInvalid);
    CHECK(limit_writes({.memory = -1, .memory_and_swap = 5000}, v1).error().code ==
          ErrorCode::kInvalid);
    CHECK(limit_writes({.memory = 5001, .memory_and_swap = 5000}, v1).error().code ==
          ErrorCode::kInvalid);
    CHECK(limit_writes({.memory = -5}, v1).error().code == ErrorCode::kInvalid);
  }
  CHECK(limit_writes({.swappiness = 0}, {}).error().code == ErrorCode::kUnsupported);
  CHECK(limit_writes({.disable_oom_killer = true}, {}).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("Processes and CPU sets are the same in both versions") {
  for (const Lines& v1 : {Lines{}, kV1}) {
    CHECK(writes({.processes = 100}, v1) == Lines{"pids.max 100"});
    CHECK(writes({.processes = -1}, v1) == Lines{"pids.max max"});
    CHECK(writes({.cpuset_cpus = "0-2,5", .cpuset_memories = "0"}, v1) ==
          Lines{"cpuset.cpus 0-2,5", "cpuset.mems 0"});
  }
}

TEST_CASE("Block I/O") {
  CHECK(io_weight(10) == 1);
  CHECK(io_weight(1000) == 10000);
  CHECK(io_weight(1) == 1);
  const Resources resources{.block_weight = 1000,
                            .read_bytes = {{8, 0, 1048576}},
                            .write_operations = {{8, 16, 100}, {9, 1, 0}}};
  const auto made = limit_writes(resources, {});
  REQUIRE(made);
  CHECK(made.value()[0].other_file == "io.weight");
  CHECK(made.value()[0].other_value == "10000");
  CHECK(writes(resources) == Lines{"io.bfq.weight 1000", "io.max 8:0 rbps=1048576",
                                   "io.max 8:16 wiops=100", "io.max 9:1 wiops=max"});
  CHECK(writes(resources, kV1) == Lines{"blkio.bfq.weight 1000",
                                        "blkio.throttle.read_bps_device 8:0 1048576",
                                        "blkio.throttle.write_iops_device 8:16 100",
                                        "blkio.throttle.write_iops_device 9:1 0"});
}

TEST_CASE("Huge pages") {
  CHECK(writes({.huge_pages = {{"2MB", 4194304}}}) ==
        Lines{"hugetlb.2MB.max 4194304", "hugetlb.2MB.rsvd.max 4194304"});
  CHECK(writes({.huge_pages = {{"1GB", 0}}}, kV1) ==
        Lines{"hugetlb.1GB.limit_in_bytes 0", "hugetlb.1GB.rsvd.limit_in_bytes 0"});
  for (const char* size : {"", "MB", "2", "2mb", "2MB/../x", "../2MB", "2 MB", "123456789MB"}) {
    INFO(size);
    CHECK(limit_writes({.huge_pages = {{size, 1}}}, {}).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("Files of cgroup v2 by name") {
  CHECK(writes({.unified = {{"memory.high", "1048576"},
                            {"io.max", "8:0 rbps=1\n8:16 rbps=2\n"},
                            {"cgroup.max.depth", "3"}}}) ==
        Lines{"memory.high 1048576", "io.max 8:0 rbps=1", "io.max 8:16 rbps=2",
              "cgroup.max.depth 3"});
  CHECK(limit_writes({.unified = {{"hugetlb.2MB.max", "1"}}}, {}).value()[0].controller ==
        "hugetlb");
  CHECK(limit_writes({.unified = {{"cgroup.max.depth", "1"}}}, {}).value()[0].controller.empty());
}

TEST_CASE("No name of a cgroup v2 file leaves the cgroup or ends its processes") {
  for (const char* file :
       {"", "memory", "memory.", "../memory.max", "memory.max/../../cgroup.procs", "/etc/passwd",
        "memory./max", "tasks", "foo.max", "cgroup.procs", "cgroup.kill", "cgroup.freeze",
        "cgroup.subtree_control", "cgroup.threads", "cgroup.type", "cgroup.max", "cgroup.max.x",
        ".memory", "memory.m\nx"}) {
    INFO(file);
    CHECK(limit_writes({.unified = {{file, "1"}}}, {}).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("A file of v2 is refused where its controller is in v1") {
  const auto refused = limit_writes({.unified = {{"memory.high", "1"}}}, kV1);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK(refused.error().context.find("'memory.high'") != std::string::npos);
  CHECK(limit_writes({.unified = {{"io.max", "1"}}}, kV1).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("A limit whose controller the host doesn't have is an error that says so") {
  CgroupHost host;
  host.unified = "/nowhere";
  host.unified_controllers = {"cpu"};
  const auto refused = Cgroup::create(host, "x", {.processes = 5}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK(refused.error().context.find("process limit") != std::string::npos);
  CHECK(refused.error().context.find("'pids'") != std::string::npos);
}

}  // namespace bothy::container
