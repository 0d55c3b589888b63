// A cgroup's life: made, opened again, frozen, killed, counted, removed with all that its processes
// left.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/files.h"
#include "tests/cgroup/fixture.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy::container {
namespace {

Cgroup make(const CgroupHost& host, const std::string& path, const Resources& resources = {}) {
  auto cgroup = Cgroup::create(host, path, resources, {});
  INFO((cgroup ? std::string() : cgroup.error().context));
  REQUIRE(cgroup);
  return std::move(cgroup).value();
}

int sleep_forever() {
  while (true) {
    ::pause();
  }
}

bool has_any(const std::vector<std::string>& directories) {
  return std::ranges::any_of(directories, [](const std::string& each) { return exists(each); });
}

}  // namespace

TEST_CASE("A cgroup is made with its parents, opened again by its paths, and removed") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("x/y"), {.memory = 64 << 20, .processes = 9});
      CHECK((cgroup.unified_fd() >= 0) == !kind.host.unified.empty());
      CHECK(cgroup.join_fds().empty() == kind.limits_in_v2);
      CHECK(has_any(cgroup.paths()));
      CHECK(std::ranges::any_of(cgroup.paths(), [](const std::string& path) {
        return read_text(path + "/pids.max") == "9\n";
      }));

      auto opened = Cgroup::open(cgroup.paths());
      REQUIRE(opened);
      CHECK(opened.value().paths() == cgroup.paths());
      CHECK((opened.value().unified_fd() >= 0) == (cgroup.unified_fd() >= 0));
      CHECK(opened.value().join_fds().size() == cgroup.join_fds().size());
      CHECK(opened.value().apply({.processes = 12}));

      CHECK(opened.value().remove());
      CHECK_FALSE(has_any(cgroup.paths()));
      CHECK(cgroup.remove());  // what doesn't exist is no error
      CHECK(Cgroup::open(cgroup.paths()).error().code == ErrorCode::kNotFound);
    }
  }
}

TEST_CASE("Only cgroups are opened") {
  CHECK(Cgroup::open({}).error().code == ErrorCode::kNotFound);
  CHECK(Cgroup::open({"/tmp"}).error().code == ErrorCode::kInvalid);
}

TEST_CASE("An empty cgroup of that name is replaced, one with processes is not") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      make(kind.host, parent.below("same"), {.processes = 3});
      Cgroup cgroup = make(kind.host, parent.below("same"), {.memory = 64 << 20, .processes = 100});
      {
        const TestProcess process(cgroup, sleep_forever);
        const auto refused = Cgroup::create(kind.host, parent.below("same"), {}, {});
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ErrorCode::kBusy);
      }
      CHECK(std::ranges::any_of(cgroup.paths(), [](const std::string& path) {
        return read_text(path + "/pids.max") == "100\n";
      }));
    }
  }
}

TEST_CASE("A frozen cgroup of that name is refused and left alone") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup frozen = make(kind.host, parent.below("same"), {});
      REQUIRE(frozen.freeze());
      const auto refused = Cgroup::create(kind.host, parent.below("same"), {}, {});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == ErrorCode::kBusy);
      CHECK(frozen.is_frozen().value());
      REQUIRE(frozen.thaw());
      CHECK(Cgroup::create(kind.host, parent.below("same"), {}, {}));
    }
  }
}

TEST_CASE("A create() that fails, and removes what it made, is no harm to another one") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      TestProcess other(-1, {}, [&]() -> int {
        while (true) {
          if (Cgroup::create(kind.host, parent.below("bad"), {.cpuset_cpus = "4000"}, {})) {
            return 1;
          }
        }
      });
      for (int i = 0; i < 100; ++i) {
        Cgroup cgroup = make(kind.host, parent.below("good"), {.memory = 64 << 20});
        CHECK(cgroup.remove());
        for (const std::string& directory : parent.directories()) {
          ::rmdir(directory.c_str());
        }
      }
      REQUIRE(::kill(other.pid(), SIGKILL) == 0);
      CHECK(other.wait() == 128 + SIGKILL);
    }
  }
}

TEST_CASE("A frozen process does nothing until it is thawed") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("freeze"));
      SharedCounter counter;
      const TestProcess process(cgroup, [&]() -> int {
        while (true) {
          counter.add();
        }
      });
      REQUIRE(test::eventually([&] { return counter.get() > 0; }));
      CHECK_FALSE(cgroup.is_frozen().value());
      REQUIRE(cgroup.freeze());
      CHECK(cgroup.is_frozen().value());
      const long frozen = counter.get();
      for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        CHECK(counter.get() == frozen);
      }
      REQUIRE(cgroup.thaw());
      CHECK(test::eventually([&] { return counter.get() > frozen; }));
      CHECK_FALSE(cgroup.is_frozen().value());
    }
  }
}

TEST_CASE("Killing ends every process, frozen ones and those below included") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("kill"));
      TestProcess one(cgroup, sleep_forever);
      // Without a controller: on v2 a cgroup that has processes can't hand one on.
      Cgroup below = make(kind.host, parent.below("kill/below"));
      TestProcess two(below, sleep_forever);
      const auto pids = cgroup.processes();
      REQUIRE(pids);
      CHECK(pids.value().size() == 2);
      CHECK(std::ranges::count(pids.value(), two.pid()) == 1);
      REQUIRE(cgroup.freeze());
      REQUIRE(cgroup.kill());
      CHECK(one.wait() == 128 + SIGKILL);
      CHECK(two.wait() == 128 + SIGKILL);
      CHECK(cgroup.processes().value().empty());
      CHECK(cgroup.remove());
      CHECK_FALSE(has_any(below.paths()));
    }
  }
}

TEST_CASE("A process that forks all the time is killed") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("bomb"), {.processes = 30});
      SharedCounter forks;
      TestProcess bomb(cgroup, [&]() -> int {
        ::signal(SIGCHLD, SIG_IGN);
        const pid_t first = ::getpid();
        while (true) {
          if (::fork() == 0) {
            forks.add();
          } else if (::getpid() != first) {
            ::_exit(0);
          }
        }
      });
      REQUIRE(test::eventually([&] { return forks.get() > 50; }));
      REQUIRE(cgroup.kill());
      CHECK(bomb.wait() == 128 + SIGKILL);
      CHECK(cgroup.remove());
      CHECK_FALSE(has_any(cgroup.paths()));
    }
  }
}

TEST_CASE("Statistics say what the processes use") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("count"), {.memory = 256 << 20});
      const auto before = cgroup.statistics();
      REQUIRE(before);
      CHECK(before.value().processes == 0);
      CHECK(before.value().memory_limit == 256 << 20);
      SharedCounter ready;
      constexpr std::size_t kSize = 32U << 20U;
      const TestProcess process(cgroup, [&] {
        auto* memory = static_cast<char*>(
            ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (std::size_t at = 0; at < kSize; at += 4096) {
          memory[at] = 1;
        }
        ready.add();
        return sleep_forever();
      });
      REQUIRE(test::eventually([&] { return ready.get() == 1; }));
      const auto after = cgroup.statistics();
      REQUIRE(after);
      CHECK(after.value().processes == 1);
      CHECK(after.value().memory >= kSize);
      CHECK(after.value().memory < 256 << 20);
      CHECK(after.value().cpu_ns > before.value().cpu_ns);
    }
  }
}

TEST_CASE("On v2 memory and I/O are counted without a limit of either") {
  for (const HostKind& kind : host_kinds()) {
    if (!kind.limits_in_v2) {
      continue;
    }
    const TestParent parent(kind.host);
    Cgroup cgroup = make(kind.host, parent.below("io"));
    CHECK(exists(cgroup.paths()[0] + "/io.stat"));
    CHECK(exists(cgroup.paths()[0] + "/memory.current"));
  }
}

TEST_CASE("A thousand cgroups that a container made are removed, and a chain of a thousand") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("many"), {.memory = 256 << 20});
      for (const std::string& path : cgroup.paths()) {
        for (int i = 0; i < 500; ++i) {
          const std::string child = path + "/" + std::to_string(i) + std::string(200, 'x');
          REQUIRE(::mkdir(child.c_str(), 0755) == 0);
          REQUIRE(::mkdir((child + "/below").c_str(), 0755) == 0);
        }
        int at = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (int i = 0; i < 1000; ++i) {
          REQUIRE(::mkdirat(at, "deep", 0755) == 0);
          const int next = ::openat(at, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
          REQUIRE(next >= 0);
          ::close(at);
          at = next;
        }
        ::close(at);
      }
      CHECK(cgroup.processes().value().empty());
      const auto removed = cgroup.remove();
      INFO((removed ? std::string() : removed.error().context));
      CHECK(removed);
      CHECK_FALSE(has_any(cgroup.paths()));
    }
  }
}

TEST_CASE("Removal waits for processes that are ending, and says which stay") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      Cgroup cgroup = make(kind.host, parent.below("stay"));
      TestProcess process(cgroup, sleep_forever);
      const auto refused = cgroup.remove();
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == ErrorCode::kBusy);
      CHECK(refused.error().context.find(std::to_string(process.pid())) != std::string::npos);
      std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        ::kill(process.pid(), SIGKILL);
      });
      CHECK(cgroup.remove());
      CHECK_FALSE(has_any(cgroup.paths()));
      later.join();
    }
  }
}

}  // namespace bothy::container
