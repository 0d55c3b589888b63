#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/send_descriptors.h"
#include "base/socket_pair.h"
#include "container/launcher.h"
#include "container/plan_hooks.h"
#include "tests/support/catch.h"
#include "tests/unit/container/plan_run.h"

namespace bothy::container {
namespace {

UniqueFd open_path(const char* path, int flags) {
  UniqueFd file(::open(path, flags | O_CLOEXEC));
  REQUIRE(file);
  return file;
}

struct Fixture {
  Fixture() : reports(SocketPair::create(SOCK_SEQPACKET).value()) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    output.reset(ends[0]);
    output_writer.reset(ends[1]);
    plan.report = reports.theirs.get();
  }
  [[nodiscard]] LaunchReport next_report() const { return receive_start(reports.ours.get()); }
  [[nodiscard]] std::string written() {
    output_writer.reset();
    std::array<char, 100> text{};
    const ssize_t count = ::read(output.get(), text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }

  SocketPair reports;
  UniqueFd output;
  UniqueFd output_writer;
  ContainerPlan plan;
};

}  // namespace

TEST_CASE("A hook gets its arguments, environment and descriptors, and its end is reported") {
  Fixture f;
  Hooks hooks;
  hooks.start_container.push_back({"/bin/sh", {"sh", "-c", "echo $A; cat"}, {"A=given"}, 0});
  plan_hooks_of_start(f.plan, hooks);
  const UniqueFd input = open_path("/dev/null", O_RDONLY);
  REQUIRE(answer_hook(f.reports.ours.get(), input.get(), f.output_writer.get()));
  CHECK(PlanRun(f.plan).make_outer() == 0);
  CHECK(f.next_report().status == LaunchStatus::kHook);
  const LaunchReport end = f.next_report();
  CHECK(end.status == LaunchStatus::kHookEnd);
  CHECK(end.hook_status == 0);
  CHECK(f.written() == "given\n");
}

TEST_CASE("A hook of the root's directory runs there") {
  Fixture f;
  Hooks hooks;
  hooks.create_container.push_back({"/bin/sh", {"sh", "-c", "pwd -P"}, {}, 0});
  const UniqueFd root = open_path("/usr", O_PATH | O_DIRECTORY);
  plan_hooks_before_pivot(f.plan, hooks, f.plan.new_slot(root.get()));
  const UniqueFd input = open_path("/dev/null", O_RDONLY);
  REQUIRE(answer_hook(f.reports.ours.get(), input.get(), f.output_writer.get()));
  CHECK(PlanRun(f.plan).make_outer() == 0);
  CHECK(f.written() == "/usr\n");
}

TEST_CASE("Hooks of the runtime are waited for, each kind of them once") {
  Fixture f;
  Hooks hooks;
  plan_hooks_before_pivot(f.plan, hooks, f.plan.new_slot());
  CHECK(f.plan.outer().empty());
  hooks.prestart.resize(2);
  hooks.create_runtime.resize(2);
  plan_hooks_before_pivot(f.plan, hooks, f.plan.new_slot());
  CHECK(f.plan.outer().size() == 1);
  REQUIRE(answer_pause(f.reports.ours.get()));
  CHECK(PlanRun(f.plan).make_outer() == 0);
  CHECK(f.next_report().status == LaunchStatus::kPaused);
}

TEST_CASE("Without the parent there is no hook") {
  Fixture f;
  Hooks hooks;
  hooks.start_container.push_back({"/bin/true", {}, {}, 0});
  plan_hooks_of_start(f.plan, hooks);
  f.reports.ours.reset();
  PlanRun run(f.plan);
  CHECK(run.make_outer() == EPIPE);
  CHECK(run.description() == "startContainer hook '/bin/true'");
}

}  // namespace bothy::container
