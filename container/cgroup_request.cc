#include "container/cgroup_request.h"

#include <algorithm>

namespace bothy::container {
namespace {

const CgroupHost::Hierarchy* find_hierarchy(const CgroupHost& host, const std::string& controller) {
  const auto found = std::ranges::find_if(host.hierarchies, [&](const auto& each) {
    return std::ranges::count(each.controllers, controller) > 0;
  });
  return found == host.hierarchies.end() ? nullptr : &*found;
}

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::ranges::count(list, value) == 0) {
    list.push_back(value);
  }
}

}  // namespace

Result<Cgroup::Request> Cgroup::Request::make(const CgroupHost& host, const Resources& resources,
                                              const std::vector<DeviceRule>& rules,
                                              const std::vector<std::string>& counted) {
  std::vector<std::string> v1_controllers;
  for (const CgroupHost::Hierarchy& each : host.hierarchies) {
    v1_controllers.insert(v1_controllers.end(), each.controllers.begin(), each.controllers.end());
  }
  Request request;
  request.rules = rules;
  BOTHY_TRY(request.writes, limit_writes(resources, v1_controllers));
  for (const LimitWrite& write : request.writes) {
    BOTHY_TRY(request.need(host, write.controller, write.limit));
  }
  const bool v1_alone = host.unified.empty();
  if (!rules.empty() && v1_alone) {
    BOTHY_TRY(request.need(host, "devices", "device filter"));
  }
  request.want(host, "memory");
  request.want(host, "io");
  if (v1_alone) {
    request.want(host, "freezer");
    request.want(host, "cpuacct");
  }
  for (const std::string& controller : counted) {
    request.want(host, controller);
  }
  return request;
}

Result<void> Cgroup::Request::need(const CgroupHost& host, const std::string& controller,
                                   std::string_view purpose) {
  if (const CgroupHost::Hierarchy* hierarchy = find_hierarchy(host, controller)) {
    add_once(needed_v1, hierarchy);
    return success();
  }
  const bool of_all = controller.empty() && !host.unified.empty();
  if (!of_all && std::ranges::count(host.unified_controllers, controller) == 0) {
    const std::string what =
        controller.empty() ? "cgroup v2" : "cgroup controller '" + controller + "'";
    return make_error(
        ErrorCode::kUnsupported,
        "can't set the {}: this host has no {} (/proc/cgroups lists the kernel's; one that is "
        "disabled there is enabled by the boot parameter cgroup_enable=)",
        purpose, what);
  }
  if (!of_all) {
    add_once(needed, controller);
  }
  return success();
}

void Cgroup::Request::want(const CgroupHost& host, const std::string& controller) {
  const CgroupHost::Hierarchy* hierarchy = find_hierarchy(host, controller);
  if (hierarchy != nullptr && std::ranges::count(needed_v1, hierarchy) == 0) {
    add_once(wanted_v1, hierarchy);
  } else if (hierarchy == nullptr && std::ranges::count(host.unified_controllers, controller) > 0 &&
             std::ranges::count(needed, controller) == 0) {
    add_once(wanted, controller);
  }
}

}  // namespace bothy::container
