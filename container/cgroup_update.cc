// Cgroup::apply(): limits of a cgroup that has processes already.
#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "container/cgroup.h"
#include "container/cgroup_files.h"
#include "container/cgroup_limits.h"
#include "container/cgroup_tree.h"

namespace bothy::container {
namespace {

// The controllers of v2 that the writes need and the cgroup `path` doesn't have yet.
Result<void> enable_missing(int cgroup, const std::string& path,
                            const std::vector<std::string>& needed) {
  const std::vector<std::string> present = words_of(cgroup_text(cgroup, "cgroup.controllers"));
  std::vector<std::string> missing;
  std::ranges::copy_if(needed, std::back_inserter(missing), [&](const std::string& each) {
    return std::ranges::count(present, each) == 0;
  });
  if (missing.empty()) {
    return success();
  }
  BOTHY_TRY(const CgroupHost host, CgroupHost::find());
  for (const CgroupHost::Hierarchy& each : host.hierarchies) {
    const auto in_v1 = std::ranges::find_first_of(missing, each.controllers);
    if (in_v1 != missing.end()) {
      return make_error(
          ErrorCode::kUnsupported,
          "can't limit what controller '{}' limits: cgroup '{}' was made without it; on "
          "cgroup v1 the first limit of a controller is set when a container is made",
          *in_v1, printable(path));
    }
  }
  if (!path.starts_with(host.unified + "/")) {
    return make_error(ErrorCode::kNotFound, "cgroup '{}' is not below '{}'", printable(path),
                      host.unified);
  }
  const std::string below = path.substr(host.unified.size());
  return enable_controllers(host.unified, below.substr(0, below.rfind('/')), missing, {});
}

}  // namespace

Result<Resources> Cgroup::complete(const Resources& resources) const {
  Resources wanted = resources;
  if (resources.check_memory_before_update && resources.memory.value_or(0) > 0) {
    BOTHY_TRY(const CgroupStatistics now, statistics());
    if (now.memory > static_cast<std::uint64_t>(*resources.memory)) {
      return make_error(ErrorCode::kInvalid,
                        "can't set the memory limit of cgroup '{}' to {}: {} bytes are in use",
                        printable(name()), *resources.memory, now.memory);
    }
  }
  // cpu.max takes a period with a quota only: the one that there is.
  if (limits::is_set(resources.cpu_period) && !limits::is_set(resources.cpu_quota) && unified_ &&
      find_v1("cpu") == nullptr) {
    const auto quota = static_cast<std::int64_t>(number_of(cgroup_text(unified_.get(), "cpu.max")));
    wanted.cpu_quota = quota == 0 ? -1 : quota;
  }
  return wanted;
}

Result<void> Cgroup::apply(const Resources& resources) {
  BOTHY_TRY(const int any, any_directory());
  BOTHY_TRY(const Resources wanted, complete(resources));
  std::vector<std::string> v1_controllers;
  for (const V1& each : v1_) {
    v1_controllers.insert(v1_controllers.end(), each.controllers.begin(), each.controllers.end());
  }
  BOTHY_TRY(const LimitWrites writes, limit_writes(wanted, v1_controllers));
  std::vector<std::string> needed;
  for (const LimitWrite& write : writes) {
    if (!write.controller.empty() && std::ranges::count(v1_controllers, write.controller) == 0 &&
        std::ranges::count(needed, write.controller) == 0) {
      needed.push_back(write.controller);
    }
  }
  if (!needed.empty()) {
    BOTHY_TRY(enable_missing(any, name(), needed));
  }
  return write_limits(writes);
}

}  // namespace bothy::container
