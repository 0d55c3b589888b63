// Limits as processes feel them.
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/files.h"
#include "tests/cgroup/fixture.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy::container {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

Cgroup make(const CgroupHost& host, const std::string& path, const Resources& resources) {
  auto cgroup = Cgroup::create(host, path, resources, {});
  INFO((cgroup ? std::string() : cgroup.error().context));
  REQUIRE(cgroup);
  return std::move(cgroup).value();
}

// The number of children that can be forked, at most 20.
int count_forks() {
  std::vector<pid_t> children;
  while (children.size() < 20) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::pause();
    }
    if (child < 0) {
      break;
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return static_cast<int>(children.size());
}

// Dirties memory, page by page.
int use_memory(std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  auto* memory = static_cast<char*>(
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) {
    return 1;
  }
  for (std::size_t at = 0; at < size; at += 4096) {
    memory[at] = 1;
  }
  return 0;
}

[[noreturn]] void spin() {
  while (true) {
    asm volatile("");
  }
}

}  // namespace

TEST_CASE("The process limit stops forks, and takes a new value") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("pids"), {.processes = 4});
      CHECK(TestProcess(cgroup, count_forks).wait() == 3);
      REQUIRE(cgroup.apply({.processes = 7}));
      CHECK(TestProcess(cgroup, count_forks).wait() == 6);
      CHECK(cgroup.remove());
    }
  }
}

TEST_CASE("The memory limit ends a process that wants more") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      const Resources resources{.memory = 48 * kMebibyte, .memory_and_swap = 48 * kMebibyte};
      Cgroup cgroup = make(kind.host, parent.below("memory"), resources);
      CHECK(TestProcess(cgroup, [] { return use_memory(8 * kMebibyte); }).wait() == 0);
      CHECK_FALSE(cgroup.had_oom_kill());
      CHECK(TestProcess(cgroup, [] { return use_memory(200 * kMebibyte); }).wait() ==
            128 + SIGKILL);
      CHECK(cgroup.had_oom_kill());
      // Higher and lower, which v1 allows in one order each.
      CHECK(cgroup.apply({.memory = 300 * kMebibyte, .memory_and_swap = 300 * kMebibyte}));
      CHECK(TestProcess(cgroup, [] { return use_memory(200 * kMebibyte); }).wait() == 0);
      CHECK(cgroup.apply({.memory = 100 * kMebibyte, .memory_and_swap = 100 * kMebibyte}));
      CHECK(cgroup.statistics().value().memory_limit == 100 * kMebibyte);
      CHECK(cgroup.apply({.memory = -1}));
      CHECK(cgroup.statistics().value().memory_limit == 0);
      CHECK(cgroup.remove());
    }
  }
}

TEST_CASE("A memory limit below what is in use is refused when the caller asks for that") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("check"), {.memory = 200 * kMebibyte});
      SharedCounter ready;
      const TestProcess process(cgroup, [&] {
        static_cast<void>(use_memory(64 * kMebibyte));
        ready.add();
        return ::pause();
      });
      REQUIRE(test::eventually([&] { return ready.get() == 1; }));
      const auto refused =
          cgroup.apply({.memory = 32 * kMebibyte, .check_memory_before_update = true});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().context.find("in use") != std::string::npos);
      CHECK(cgroup.apply({.memory = 150 * kMebibyte, .check_memory_before_update = true}));
      REQUIRE(cgroup.kill());
    }
  }
}

TEST_CASE("The CPU quota throttles, and a period alone keeps it") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("cpu"),
                           {.cpu_shares = 2048, .cpu_quota = 10000, .cpu_period = 100000});
      const TestProcess process(cgroup, []() -> int { spin(); });
      const auto directory = std::ranges::find_if(cgroup.paths(), [](const std::string& path) {
        return exists(path + "/cpu.max") || exists(path + "/cpu.cfs_quota_us");
      });
      REQUIRE(directory != cgroup.paths().end());
      CHECK(test::eventually([&] {
        const std::string text = read_text(*directory + "/cpu.stat");
        return text.find("nr_throttled") != std::string::npos &&
               text.find("nr_throttled 0\n") == std::string::npos;
      }));
      REQUIRE(cgroup.apply({.cpu_period = 50000}));
      if (kind.limits_in_v2) {
        CHECK(read_text(*directory + "/cpu.max") == "10000 50000\n");
        CHECK(read_text(*directory + "/cpu.weight") == "174\n");
      } else {
        CHECK(read_text(*directory + "/cpu.cfs_quota_us") == "10000\n");
        CHECK(read_text(*directory + "/cpu.cfs_period_us") == "50000\n");
        CHECK(read_text(*directory + "/cpu.shares") == "2048\n");
      }
      CHECK(cgroup.apply({.cpu_quota = 50000, .cpu_period = 100000, .cpu_burst = 20000}));
      CHECK(cgroup.apply({.cpu_quota = 10000, .cpu_period = 20000, .cpu_burst = 0}));
      REQUIRE(cgroup.kill());
    }
  }
}

TEST_CASE("The set of CPUs is what a process may use") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      const auto cpus = [](const Cgroup& cgroup) {
        return TestProcess(cgroup,
                           [] {
                             cpu_set_t set;
                             CPU_ZERO(&set);
                             return ::sched_getaffinity(0, sizeof set, &set) == 0 &&
                                            CPU_ISSET(0, &set) != 0
                                        ? CPU_COUNT(&set)
                                        : 0;
                           })
            .wait();
      };
      const Cgroup one = make(kind.host, parent.below("one"), {.cpuset_cpus = "0"});
      CHECK(cpus(one) == 1);
      // v1: CPUs and memory nodes come from the parent, or no process could start.
      const Cgroup all = make(kind.host, parent.below("a/b/all"), {.cpuset_memories = "0"});
      CHECK(cpus(all) == ::sysconf(_SC_NPROCESSORS_ONLN));
    }
  }
}

TEST_CASE("A limit that can't be applied names itself, and nothing is left") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      struct {
        Resources resources;
        std::string named;
      } const cases[] = {
          {{.memory = 64 * kMebibyte, .cpuset_cpus = "4000"},
           "set of CPUs to '4000' (cpuset.cpus of"},
          {{.cpu_quota = 1}, "CPU quota to '1'"},
          {{.processes = 5, .read_bytes = {{4095, 1, 1000}}}, "block device 4095:1"},
          {{.huge_pages = {{"3MB", 0}}}, kind.host.unified.empty() ? "'hugetlb'" : "pages of 3MB"},
      };
      for (const auto& [resources, named] : cases) {
        const auto refused = Cgroup::create(kind.host, parent.below("refused"), resources, {});
        REQUIRE_FALSE(refused);
        INFO(refused.error().context);
        CHECK(refused.error().context.find(named) != std::string::npos);
        for (const std::string& directory : parent.directories()) {
          CHECK_FALSE(exists(directory));
        }
      }
    }
  }
}

TEST_CASE("Files of cgroup v2 are set by name") {
  const HostKind kind = host_kinds().front();
  const TestParent parent(kind.host);
  if (kind.limits_in_v2) {
    const Cgroup cgroup = make(
        kind.host, parent.below("unified"),
        {.unified = {
             {"memory.high", "67108864"}, {"cgroup.max.descendants", "5"}, {"pids.max", "9"}}});
    CHECK(read_text(cgroup.paths()[0] + "/memory.high") == "67108864\n");
    CHECK(read_text(cgroup.paths()[0] + "/cgroup.max.descendants") == "5\n");
    CHECK(read_text(cgroup.paths()[0] + "/pids.max") == "9\n");
  } else {
    const auto refused =
        Cgroup::create(kind.host, parent.below("x"), {.unified = {{"memory.high", "1"}}}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kUnsupported);
  }
}

}  // namespace bothy::container
