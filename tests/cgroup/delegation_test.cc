// Where cgroups can be made: below cgroups with processes, and by ordinary users.
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "base/files.h"
#include "container/cgroup_files.h"
#include "tests/cgroup/fixture.h"
#include "tests/support/catch.h"

namespace bothy::container {
namespace {

constexpr uid_t kUser = 54321;

// A limit of a controller that v2 has on this host.
Resources unified_limit(const CgroupHost& host) {
  const bool pids = std::ranges::count(host.unified_controllers, "pids") > 0;
  REQUIRE((pids || std::ranges::count(host.unified_controllers, "hugetlb") > 0));
  return pids ? Resources{.processes = 40} : Resources{.huge_pages = {{"2MB", 0}}};
}

bool is_limited(const std::string& directory) {
  return read_text(directory + "/pids.max") == "40\n" ||
         read_text(directory + "/hugetlb.2MB.max") == "0\n";
}

Cgroup make(const CgroupHost& host, const std::string& path, const Resources& resources) {
  auto cgroup = Cgroup::create(host, path, resources, {});
  INFO((cgroup ? std::string() : cgroup.error().context));
  REQUIRE(cgroup);
  return std::move(cgroup).value();
}

// Becomes an ordinary user and creates a cgroup; what came of it is written to `out`: the first
// path, "none", or the error.
int create_as_user(const std::string& path, const Resources& resources, int out) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kUser, kUser, kUser) != 0 ||
      ::setresuid(kUser, kUser, kUser) != 0) {
    return 1;
  }
  const auto host = CgroupHost::find();
  if (!host) {
    return 2;
  }
  auto cgroup = Cgroup::create(host.value(), path, resources, {});
  const std::string said = !cgroup                          ? cgroup.error().context
                           : cgroup.value().paths().empty() ? "none"
                                                            : cgroup.value().paths().front();
  if (::write(out, said.data(), said.size()) != static_cast<ssize_t>(said.size())) {
    return 3;
  }
  if (!cgroup || cgroup.value().paths().empty()) {
    return 0;
  }
  // A process starts there, and ends.
  const int result = TestProcess(cgroup.value(), [] { return 7; }).wait();
  return result == 7 && cgroup.value().remove() ? 0 : 4;
}

std::string said_by_user(int unified, const std::string& path, const Resources& resources) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  TestProcess user(unified, {}, [&] { return create_as_user(path, resources, out.get()); });
  out.reset();
  std::string said(4096, '\0');
  const ssize_t size = ::read(in.get(), said.data(), said.size());
  said.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  INFO(said);
  CHECK(user.wait() == 0);
  return said;
}

void delegate(const std::string& directory) {
  for (const char* file : {"", "/cgroup.procs", "/cgroup.subtree_control"}) {
    REQUIRE(::chown((directory + file).c_str(), kUser, kUser) == 0);
  }
}

}  // namespace

TEST_CASE("A cgroup with processes of its own can't hand controllers on") {
  const HostKind kind = host_kinds().front();
  REQUIRE_FALSE(kind.host.unified.empty());
  const TestParent parent(kind.host);
  const Resources resources = unified_limit(kind.host);
  Cgroup outer = make(kind.host, parent.below("outer"), {});
  const TestProcess process(outer.unified_fd(), {}, [] { return ::pause(); });
  const auto refused = Cgroup::create(kind.host, parent.below("outer/inner"), resources, {});
  REQUIRE_FALSE(refused);
  INFO(refused.error().context);
  CHECK(refused.error().code == ErrorCode::kBusy);
  CHECK(refused.error().context.find(outer.paths().front() + "'") != std::string::npos);
  CHECK(refused.error().context.find("processes of its own") != std::string::npos);
  CHECK_FALSE(exists(outer.paths().front() + "/inner"));
}

TEST_CASE("Controllers are enabled on the whole way") {
  const HostKind kind = host_kinds().front();
  const TestParent parent(kind.host);
  const Cgroup cgroup = make(kind.host, parent.below("a/b/c"), unified_limit(kind.host));
  CHECK(is_limited(cgroup.paths().front()));
}

TEST_CASE("A limit of a controller that the cgroup was made without can follow on v2") {
  const HostKind kind = host_kinds().front();
  const TestParent parent(kind.host);
  Cgroup cgroup = make(kind.host, parent.below("plain"), {});
  const auto applied = cgroup.apply(unified_limit(kind.host));
  INFO((applied ? std::string() : applied.error().context));
  CHECK(applied);
  CHECK(is_limited(cgroup.paths().front()));
}

TEST_CASE("On v1 the first limit of a controller can't follow") {
  const HostKind kind = host_kinds().front();
  if (kind.limits_in_v2) {
    return;  // there is no v1
  }
  const TestParent parent(kind.host);
  Cgroup cgroup = make(kind.host, parent.below("plain"), {});
  const auto refused = cgroup.apply({.processes = 5});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kUnsupported);
  CHECK(refused.error().context.find("'pids'") != std::string::npos);
}

TEST_CASE("An ordinary user's cgroups are below the nearest delegated one that can take them") {
  const HostKind kind = host_kinds().front();
  const TestParent parent(kind.host);
  const Resources resources = unified_limit(kind.host);
  const Cgroup unit = make(kind.host, parent.below("unit"), resources);
  Cgroup session = make(kind.host, parent.below("unit/session"), {});
  delegate(unit.paths().front());
  delegate(session.paths().front());
  // The user's own cgroup has a process, so its parent takes a cgroup with limits.
  const std::string limited = said_by_user(session.unified_fd(), "bothy/one", resources);
  CHECK(limited == unit.paths().front() + "/bothy/one");
  CHECK(said_by_user(session.unified_fd(), "bothy/two", {}) ==
        session.paths().front() + "/bothy/two");
}

TEST_CASE("An ordinary user without a delegated cgroup runs without one, and without limits") {
  const HostKind kind = host_kinds().front();
  const TestParent parent(kind.host);
  const Cgroup session = make(kind.host, parent.below("session"), {});
  CHECK(said_by_user(session.unified_fd(), "bothy/x", {}) == "none");
  const std::string refused =
      said_by_user(session.unified_fd(), "bothy/x", unified_limit(kind.host));
  CHECK(refused.find("no cgroup is delegated to this user") != std::string::npos);
  CHECK(refused.find("systemd-run --user --scope -p Delegate=yes") != std::string::npos);
}

}  // namespace bothy::container
