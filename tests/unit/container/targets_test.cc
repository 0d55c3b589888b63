#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "container/plan_mounts.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/container/plan_run.h"

namespace bothy::container {
namespace {

// A root directory beside a file of the "host".
class RootDirectory {
 public:
  RootDirectory() {
    ::mkdir(path("root").c_str(), 0755);
    ::mkdir(path("host").c_str(), 0755);
    fd_.reset(::open(path("root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ / name; }

  // 0, or the errno of the call that failed.
  int open_target(const std::string& target, TargetKind kind) {
    ContainerPlan plan;
    plan.begin_inner();
    plan.describe("can't open the target");
    const Slot slot = plan_target(plan, plan.new_slot(fd_.get()), target, kind);
    PlanRun run(plan);
    const int error = run.make_inner();
    if (error == 0) {
      opened_.reset(run.slot(slot));
    }
    return error;
  }
  // What open_target() opened, by its path on the host.
  [[nodiscard]] std::string opened() const {
    std::string text(4096, '\0');
    const std::string link = "/proc/self/fd/" + std::to_string(opened_.get());
    text.resize(static_cast<std::size_t>(::readlink(link.c_str(), text.data(), text.size())));
    return text;
  }

 private:
  test::TemporaryDirectory directory_;
  UniqueFd fd_;
  UniqueFd opened_;
};

}  // namespace

TEST_CASE("A target that is missing is made with its parents") {
  RootDirectory root;
  REQUIRE(root.open_target("/a/b/c", TargetKind::kDirectory) == 0);
  CHECK(root.opened() == root.path("root/a/b/c"));
  REQUIRE(root.open_target("/a/b/file", TargetKind::kFile) == 0);
  struct stat status {};
  REQUIRE(::stat(root.path("root/a/b/file").c_str(), &status) == 0);
  CHECK(S_ISREG(status.st_mode));
  CHECK(root.open_target("/a/b/c", TargetKind::kDirectory) == 0);
}

TEST_CASE("Links of a target lead nowhere outside the root") {
  RootDirectory root;
  ::symlink("/../../host", root.path("root/up").c_str());
  ::symlink(root.path("host").c_str(), root.path("root/absolute").c_str());
  ::symlink("/etc", root.path("root/inside").c_str());
  ::mkdir(root.path("root/host").c_str(), 0755);
  ::mkdir(root.path("root/etc").c_str(), 0755);
  REQUIRE(root.open_target("/up/new", TargetKind::kDirectory) == 0);
  CHECK(root.opened() == root.path("root/host/new"));
  REQUIRE(root.open_target("/inside/x", TargetKind::kFile) == 0);
  CHECK(root.opened() == root.path("root/etc/x"));
  REQUIRE(root.open_target("/../../host/dots", TargetKind::kDirectory) == 0);
  CHECK(root.opened() == root.path("root/host/dots"));
  // A link to what doesn't exist in the root isn't replaced, and nothing is made behind it.
  CHECK(root.open_target("/absolute/x", TargetKind::kFile) == ELOOP);
  CHECK(::access(root.path("host/x").c_str(), F_OK) != 0);
  CHECK(::access(root.path("host/new").c_str(), F_OK) != 0);
}

TEST_CASE("A file in the way of a target is an error") {
  RootDirectory root;
  REQUIRE(root.open_target("/file", TargetKind::kFile) == 0);
  CHECK(root.open_target("/file/below", TargetKind::kDirectory) == ENOTDIR);
}

TEST_CASE("The root itself is a target") {
  RootDirectory root;
  CHECK(root.open_target("/", TargetKind::kDirectory) == 0);
}

TEST_CASE("A link to what isn't there gives the path where that would be") {
  const test::TemporaryDirectory directory;
  const UniqueFd root(::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ::mkdir((directory / "etc").c_str(), 0755);
  ::symlink("../run/systemd/resolv.conf", (directory / "etc/resolv.conf").c_str());
  ::symlink("/../../elsewhere", (directory / "etc/up").c_str());
  ::symlink("loop", (directory / "etc/loop").c_str());
  CHECK(follow_links(root.get(), "/etc/resolv.conf") == "/run/systemd/resolv.conf");
  CHECK(follow_links(root.get(), "/etc/up/x") == "/elsewhere/x");
  CHECK(follow_links(root.get(), "/etc/loop") == "/etc/loop");
  CHECK(follow_links(root.get(), "/a/../b/./c") == "/b/c");
}

}  // namespace bothy::container
