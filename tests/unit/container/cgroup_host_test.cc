#include "container/cgroup.h"
#include "container/cgroup_files.h"
#include "container/cgroup_tree.h"
#include "tests/support/catch.h"

namespace bothy::container {
namespace {

CgroupHost parse(std::string_view mountinfo, std::string_view cgroup,
                 std::string_view controllers = {}) {
  const auto host = CgroupHost::parse(mountinfo, cgroup, controllers);
  REQUIRE(host);
  return host.value();
}

constexpr std::string_view kHybrid =
    "23 1 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
    "31 23 0:28 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw shared:11 master:2 - cgroup2 cgroup2 rw,nsdelegate\n";

}  // namespace

TEST_CASE("A host with cgroup v2 alone") {
  const CgroupHost host =
      parse("30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            "0::/user.slice/user-1000.slice/a:b.scope\n", "cpuset cpu io memory pids\n");
  CHECK(host.unified == "/sys/fs/cgroup");
  CHECK(host.unified_own == "/user.slice/user-1000.slice/a:b.scope");
  CHECK(host.unified_controllers ==
        std::vector<std::string>{"cpuset", "cpu", "io", "memory", "pids"});
  CHECK(host.hierarchies.empty());
}

TEST_CASE("A host with v1's hierarchies and a v2 tree") {
  const CgroupHost host = parse(kHybrid,
                                "9:name=systemd:/init\n4:memory:/jobs/7\n"
                                "3:cpu,cpuacct:/\n2:pids:/\n0::/init\n");
  CHECK(host.unified == "/sys/fs/cgroup/unified");
  CHECK(host.unified_own == "/init");
  REQUIRE(host.hierarchies.size() == 2);  // neither systemd's nor pids, which isn't mounted
  CHECK(host.hierarchies[0].controllers == std::vector<std::string>{"memory"});
  CHECK(host.hierarchies[0].mount_point == "/sys/fs/cgroup/memory");
  CHECK(host.hierarchies[0].own == "/jobs/7");
  CHECK(host.hierarchies[1].controllers == std::vector<std::string>{"cpu", "cpuacct"});
}

TEST_CASE("A later mount hides earlier ones below its mount point") {
  const CgroupHost host =
      parse(std::string(kHybrid) + "50 31 0:40 / /sys/fs/cgroup rw - cgroup2 none rw\n",
            "4:memory:/\n3:cpu,cpuacct:/\n0::/\n");
  CHECK(host.unified == "/sys/fs/cgroup");
  CHECK(host.hierarchies.empty());
}

TEST_CASE("Paths are below the mount's root, wherever that is") {
  const std::string_view mount = "30 23 0:26 /box/c1 /mnt/my\\040cgroups rw - cgroup2 cgroup2 rw\n";
  CHECK(parse(mount, "0::/box/c1/x\n").unified == "/mnt/my cgroups");
  CHECK(parse(mount, "0::/box/c1/x\n").unified_own == "/x");
  CHECK(parse(mount, "0::/box/c1\n").unified_own == "/");
  CHECK(parse(mount, "0::/box/c10\n").unified_own == "/");
  const std::string_view whole = "30 23 0:26 / /mnt rw - cgroup2 cgroup2 rw\n";
  CHECK(parse(whole, "0::/../other\n").unified_own == "/");
}

TEST_CASE("A host without cgroups, and texts that aren't what they should be") {
  CHECK(parse("", "").unified.empty());
  CHECK(
      parse("1 2\n\nx - - - - - - - -\n30 23 0:26 / /mnt rw cgroup2\n", "0::/\n").unified.empty());
  const auto broken = CgroupHost::parse("", "0:no path\n", "");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::kBadInput);
}

TEST_CASE("Cgroup paths are normalised, and never leave their place") {
  CHECK(normalise_cgroup_path("bothy/web").value() == "/bothy/web");
  CHECK(normalise_cgroup_path("//bothy/./web/").value() == "/bothy/web");
  CHECK(normalise_cgroup_path("/a/..b/c..").value() == "/a/..b/c..");
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("./."), std::string(".."),
        std::string("a/../../b"), std::string("/a/.."), std::string("a\nb"), std::string("a\0b", 3),
        std::string(256, 'x'), std::string(4000, 'x')}) {
    INFO(path);
    const auto refused = normalise_cgroup_path(path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalid);
  }
  std::string deep;
  while (deep.size() < 4000) {
    deep += "/abcdefgh";
  }
  CHECK(normalise_cgroup_path(deep).error().code == ErrorCode::kInvalid);
}

TEST_CASE("Keys of cgroup files are whole words") {
  const std::string_view text = "oom 1\noom_kill 23\noom_group_kill 4\n";
  CHECK(number_of_key(text, "oom_kill") == 23);
  CHECK(number_of_key(text, "oom") == 1);
  CHECK(number_of_key(text, "kill") == 0);
  CHECK(number_of_key("", "oom") == 0);
  CHECK(number_of("max\n") == 0);
  CHECK(number_of("4096\n") == 4096);
}

}  // namespace bothy::container
