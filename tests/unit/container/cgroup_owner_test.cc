// Whose a container's cgroup is to be.
#include "container/cgroup_owner.h"

#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

// A container whose user 0 is the host's 700000, and that may write to its cgroup.
OciSpec writable() {
  OciSpec spec;
  spec.process.emplace();
  spec.namespaces = {{NamespaceKind::kCgroup, ""}, {NamespaceKind::kUser, ""}};
  spec.mappings.users = {{0, 700000, 1000}, {1000, 5000, 1}};
  spec.mappings.groups = {{0, 800000, 1000}};
  spec.mounts = {{"/proc", "proc", "proc", {}, {}}, {"/sys/fs/cgroup", "cgroup", "cgroup", {}, {}}};
  return spec;
}

}  // namespace

TEST_CASE("A cgroup that its container may write to is its user's") {
  OciSpec spec = writable();
  CHECK(cgroup_owner(spec) == CgroupOwner{700000, 800000});
  spec.process->user = 1000;
  spec.process->group = 7;
  CHECK(cgroup_owner(spec) == CgroupOwner{5000, 800007});
  spec.process->group = 1000;
  CHECK(!cgroup_owner(spec));
  spec.namespaces.pop_back();
  CHECK(cgroup_owner(spec) == CgroupOwner{1000, 1000});
  spec.process->user = ::geteuid();
  CHECK(!cgroup_owner(spec));
}

TEST_CASE("Other cgroups stay their maker's") {
  OciSpec read_only = writable();
  read_only.mounts.back().options.set = MOUNT_ATTR_RDONLY;
  CHECK(!cgroup_owner(read_only));
  OciSpec elsewhere = writable();
  elsewhere.mounts.back().destination = "/cgroup";
  CHECK(!cgroup_owner(elsewhere));
  OciSpec joined = writable();
  joined.namespaces.front().path = "/proc/1/ns/cgroup";
  CHECK(!cgroup_owner(joined));
  OciSpec without = writable();
  without.namespaces.erase(without.namespaces.begin());
  CHECK(!cgroup_owner(without));
}

}  // namespace bothy::container
