#include "run/container/lost_container.h"

#include "base/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

struct Fixture {
  test::TemporaryDirectory directory;
  Instance instance{directory / "0123456789ab", directory / "data"};

  Fixture() { REQUIRE(make_directories(instance.directory())); }
};

}  // namespace

TEST_CASE("A container's cgroup has the name of its instance, in each hierarchy") {
  const Fixture f;
  CHECK(cgroup_name(f.instance) == "bothy/0123456789ab");
  container::CgroupHost host;
  host.unified = "/sys/fs/cgroup";
  host.hierarchies.push_back({{"memory"}, "/cg/memory", "/"});
  CHECK(cgroup_places(host, "bothy/x") ==
        std::vector<std::string>{"/sys/fs/cgroup/bothy/x", "/cg/memory/bothy/x"});
}

TEST_CASE("An instance that has no cgroup has left nothing") {
  const Fixture f;
  CHECK_FALSE(clear_lost_container(f.instance).value());
}

TEST_CASE("A cgroup that is gone already is forgotten") {
  const Fixture f;
  REQUIRE(remember_cgroup(f.instance, {"/nothere/bothy/x", "/nothere/too"}));
  CHECK(clear_lost_container(f.instance).value());
  CHECK_FALSE(clear_lost_container(f.instance).value());
}

TEST_CASE("What isn't a cgroup is left alone") {
  const Fixture f;
  const std::string file = f.directory.write("file", "x");
  REQUIRE(remember_cgroup(f.instance, {f.directory.path()}));
  CHECK_FALSE(clear_lost_container(f.instance).has_value());
  CHECK(exists(file));
}

}  // namespace bothy::run
