#include "container/plan_mount_calls.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "container/system_calls.h"

namespace bothy::container {

namespace {

void plan_parameters(ContainerPlan& plan, Slot context, const MountOptions& options) {
  for (const auto& [name, value] : options.parameters) {
    if (name == "newinstance") {
      continue;  // of devpts: always the case since Linux 4.7
    }
    value.empty()
        ? plan.add(SYS_fsconfig, {context, FSCONFIG_SET_FLAG, plan.keep(name), nullptr, 0})
        : plan.add(SYS_fsconfig,
                   {context, FSCONFIG_SET_STRING, plan.keep(name), plan.keep(value), 0});
  }
}

}  // namespace

bool is_child(std::string_view path, std::string_view top) {
  return path.starts_with(top) && path.find('/', top.size()) == std::string_view::npos;
}

void plan_attributes(ContainerPlan& plan, Slot mount, std::uint64_t set, std::uint64_t clear,
                     std::uint64_t propagation, bool recursive) {
  if (set == 0 && clear == 0 && propagation == 0) {
    return;
  }
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  plan.add(SYS_mount_setattr, {mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
                               plan.keep(attributes), sizeof(attributes)});
}

Slot plan_new_mount(ContainerPlan& plan, const std::string& type, const std::string& source,
                    const MountOptions& options) {
  const Slot context = plan.new_slot();
  const Slot mount = plan.new_slot();
  plan.add(SYS_fsopen, {plan.keep(type), FSOPEN_CLOEXEC}).result = context;
  // Programs look for "tmpfs" in lists of mounts; of the kernel's others the type says it all.
  if (!source.empty() && (source != type || type == "tmpfs")) {
    plan.add(SYS_fsconfig, {context, FSCONFIG_SET_STRING, "source", plan.keep(source), 0});
  }
  plan_parameters(plan, context, options);
  plan.add(SYS_fsconfig, {context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0});
  plan.add(SYS_fsmount, {context, FSMOUNT_CLOEXEC, options.set}).result = mount;
  return mount;
}

void plan_reconfiguration(ContainerPlan& plan, Slot mount, const MountOptions& options) {
  const Slot context = plan.new_slot();
  plan.add(SYS_fspick, {mount, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH}).result = context;
  plan_parameters(plan, context, options);
  plan.add(SYS_fsconfig, {context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0});
}

}  // namespace bothy::container
