// The program between the clone and the command: it makes the calls of a plan, which is a part of
// the program's file (container/stage.cc), and nothing else.
//
//   parent -- clone3 --> process                    when no namespace is joined
//   parent -- clone3 --> joiner -- clone3 --> process  otherwise
#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container/stage/calls.h"
#include "container/stage/plan_format.h"

using namespace bothy::container;

// The place of the plan, in a segment of its own, which gets its content from the file.
extern "C" {
[[gnu::section(".plan,\"aw\",@nobits#"), gnu::aligned(4096), gnu::used]] char stage_plan[4096];
}

namespace {

constexpr int kFailed = 127;

[[noreturn]] void make_calls_of_process(PlanHeader& plan) {
  if (const Call* failed = make_calls(plan, plan.inner)) {
    report_failure(plan, *failed);
  }
  _exit(kFailed);
}

// The new process has this one's memory, which nobody may trace either.
[[noreturn]] void join(PlanHeader& plan) {
  if (const Call* failed = make_calls(plan, plan.outer)) {
    report_failure(plan, *failed);
    _exit(kFailed);
  }
  const long pid = syscall(SYS_clone3, &plan.clone, sizeof(plan.clone));
  if (pid == 0) {
    make_calls_of_process(plan);
  }
  const uint64_t outcome =
      pid > 0 ? static_cast<uint64_t>(pid) : kCloneFailed | static_cast<uint64_t>(errno);
  _exit(write(plan.outcome, &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : kFailed);
}

}  // namespace

int main() {
  // First of all: other processes of the container may neither trace this one nor open its
  // descriptors.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  auto& plan = *reinterpret_cast<PlanHeader*>(stage_plan);
  if (plan.outcome >= 0) {
    join(plan);
  }
  make_calls_of_process(plan);
}
