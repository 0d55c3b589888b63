#include "container/plan_hooks.h"

#include "base/files.h"

namespace bothy::container {
namespace {

void plan_hook(ContainerPlan& plan, const Hook& hook, const char* kind, const Argument& directory) {
  plan.describe(fmt::format("{} hook '{}'", kind, printable(hook.path)));
  const HookCommand command{
      plan.keep(hook.path).offset,
      plan.keep_list(hook.arguments.empty() ? std::vector{hook.path} : hook.arguments).offset,
      plan.keep_list(hook.environment).offset};
  plan.add(kRunHook, {plan.keep(command), directory});
}

}  // namespace

void plan_hooks_before_pivot(ContainerPlan& plan, const Hooks& hooks, Slot root) {
  if (!hooks.prestart.empty() || !hooks.create_runtime.empty()) {
    plan.describe("can't wait for the hooks of the runtime");
    plan.add(kPause, {});
  }
  for (const Hook& hook : hooks.create_container) {
    plan_hook(plan, hook, "createContainer", root);
  }
}

void plan_hooks_of_start(ContainerPlan& plan, const Hooks& hooks) {
  for (const Hook& hook : hooks.start_container) {
    plan_hook(plan, hook, "startContainer", -1);
  }
}

}  // namespace bothy::container
