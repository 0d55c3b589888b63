#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "container/plan.h"
#include "tests/support/catch.h"
#include "tests/unit/container/plan_run.h"

namespace bothy::container {
namespace {

class Pipe {
 public:
  Pipe() { REQUIRE(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  [[nodiscard]] int writer() const { return ends_[1]; }
  [[nodiscard]] std::string read() const {
    std::array<char, 64> text{};
    const ssize_t count = ::read(ends_[0], text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(count < 0 ? 0 : count)};
  }

 private:
  std::array<int, 2> ends_{};
};

void add_write(ContainerPlan& plan, Slot pipe, const char* text) {
  plan.add(SYS_write, {pipe, text, 1});
}

}  // namespace

TEST_CASE("The calls of a plan are made in order, with the results of earlier ones") {
  const Pipe pipe;
  ContainerPlan plan;
  const Slot copy = plan.new_slot();
  plan.describe("can't write");
  plan.add(SYS_dup, {plan.new_slot(pipe.writer())}).result = copy;
  add_write(plan, copy, "a");
  add_write(plan, copy, "b");
  PlanRun run(plan);
  CHECK(run.make_outer() == 0);
  CHECK(pipe.read() == "ab");
  ::close(run.slot(copy));
}

TEST_CASE("A failure ends the calls and has its description") {
  const Pipe pipe;
  ContainerPlan plan;
  plan.describe("can't close");
  plan.add(SYS_close, {-1});
  plan.describe("can't write");
  add_write(plan, plan.new_slot(pipe.writer()), "a");
  PlanRun run(plan);
  CHECK(run.make_outer() == EBADF);
  CHECK(run.description() == "can't close");
  CHECK(pipe.read().empty());
}

TEST_CASE("Calls are left out after a success, or after a failure that is tolerated") {
  const Pipe pipe;
  ContainerPlan plan;
  const Slot writer = plan.new_slot(pipe.writer());
  plan.describe("can't write");
  plan.add(SYS_write, {writer, "a", 1}).success_skips = 1;
  add_write(plan, writer, "b");
  Call& tolerated = plan.add(SYS_close, {-1});
  tolerated.tolerated = {{{ENOENT, 1}, {EBADF, 2}}};
  add_write(plan, writer, "c");
  add_write(plan, writer, "d");
  add_write(plan, writer, "e");
  CHECK(PlanRun(plan).make_outer() == 0);
  CHECK(pipe.read() == "ae");
}

TEST_CASE("Inner calls are apart from outer ones") {
  ContainerPlan plan;
  plan.describe("outer");
  plan.add(SYS_getpid, {});
  plan.begin_inner();
  plan.describe("inner");
  plan.add(SYS_getpid, {});
  plan.add(SYS_getpid, {});
  CHECK(plan.outer().size() == 1);
  CHECK(plan.inner().size() == 2);
}

}  // namespace bothy::container
