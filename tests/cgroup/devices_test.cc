// The device filter as a process meets it: BPF on v2, lists on v1.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "container/cgroup.h"
#include "tests/cgroup/fixture.h"
#include "tests/support/catch.h"

namespace bothy::container {
namespace {

// 0, or the errno value, of opening a device in the cgroup.
int open_in(const Cgroup& cgroup, const char* path, int flags) {
  return TestProcess(cgroup, [=] { return ::open(path, flags | O_CLOEXEC) >= 0 ? 0 : errno; })
      .wait();
}

int make_in(const Cgroup& cgroup, mode_t type, unsigned major, unsigned minor) {
  return TestProcess(cgroup,
                     [=] {
                       constexpr const char* kPath = "/dev/shm/bothy-test-device";
                       const int result =
                           ::mknod(kPath, type | 0600, makedev(major, minor)) == 0 ? 0 : errno;
                       ::unlink(kPath);
                       return result;
                     })
      .wait();
}

DeviceRule device(bool allow, unsigned major, unsigned minor, bool write = true) {
  return {allow, 'c', major, minor, true, write, false};
}

const DeviceRule kDenyAll{false, 'a', {}, {}, true, true, true};
const DeviceRule kMakeAnyCharacterDevice{true, 'c', {}, {}, false, false, true};

}  // namespace

TEST_CASE("A process opens and makes what the device rules allow, and nothing else") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      auto made = Cgroup::create(
          kind.host, parent.below("devices"), {},
          {kDenyAll, kMakeAnyCharacterDevice, device(true, 1, 3), device(true, 1, 9, false)});
      INFO((made ? std::string() : made.error().context));
      REQUIRE(made);
      Cgroup& cgroup = made.value();
      CHECK(open_in(cgroup, "/dev/null", O_RDWR) == 0);
      CHECK(open_in(cgroup, "/dev/zero", O_RDONLY) == EPERM);
      CHECK(open_in(cgroup, "/dev/urandom", O_RDONLY) == 0);
      CHECK(open_in(cgroup, "/dev/urandom", O_WRONLY) == EPERM);
      CHECK(make_in(cgroup, S_IFCHR, 1, 5) == 0);
      CHECK(make_in(cgroup, S_IFBLK, 1, 5) == EPERM);

      // Other rules take their place, on a cgroup that is in use.
      REQUIRE(cgroup.set_device_rules({kDenyAll, device(true, 1, 5)}));
      CHECK(open_in(cgroup, "/dev/zero", O_RDONLY) == 0);
      CHECK(open_in(cgroup, "/dev/null", O_RDWR) == EPERM);
      CHECK(make_in(cgroup, S_IFCHR, 1, 5) == EPERM);

      REQUIRE(cgroup.set_device_rules({}));
      CHECK(open_in(cgroup, "/dev/null", O_RDWR) == 0);
      CHECK(make_in(cgroup, S_IFBLK, 1, 5) == 0);
      CHECK(cgroup.remove());
    }
  }
}

TEST_CASE("Later rules win") {
  for (const HostKind& kind : host_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const TestParent parent(kind.host);
      const DeviceRule allow_all{true, 'a', {}, {}, true, true, true};
      const auto cgroup = Cgroup::create(kind.host, parent.below("order"), {},
                                         {device(true, 1, 3), allow_all, device(false, 1, 5),
                                          device(true, 1, 5), device(false, 1, 9, false)});
      REQUIRE(cgroup);
      CHECK(open_in(cgroup.value(), "/dev/zero", O_RDWR) == 0);
      CHECK(open_in(cgroup.value(), "/dev/urandom", O_WRONLY) == 0);
      CHECK(open_in(cgroup.value(), "/dev/urandom", O_RDWR) == EPERM);
      CHECK(open_in(cgroup.value(), "/dev/null", O_RDWR) == 0);
    }
  }
}

TEST_CASE("The kernel takes a filter with many rules") {
  const HostKind kind = host_kinds().front();
  const TestParent parent(kind.host);
  std::vector<DeviceRule> rules{kDenyAll};
  for (unsigned minor = 0; minor < 200; ++minor) {
    rules.push_back(device(minor % 2 == 1, 1, minor, minor % 3 != 0));
  }
  const auto cgroup = Cgroup::create(kind.host, parent.below("many"), {}, rules);
  INFO((cgroup ? std::string() : cgroup.error().context));
  REQUIRE(cgroup);
  CHECK(open_in(cgroup.value(), "/dev/zero", O_RDWR) == 0);
  CHECK(open_in(cgroup.value(), "/dev/null", O_RDONLY) == 0);
  CHECK(open_in(cgroup.value(), "/dev/null", O_RDWR) == EPERM);
  CHECK(open_in(cgroup.value(), "/dev/urandom", O_RDONLY) == 0);
  CHECK(open_in(cgroup.value(), "/dev/urandom", O_WRONLY) == EPERM);
}

}  // namespace bothy::container
