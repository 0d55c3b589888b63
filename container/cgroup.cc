#include "container/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/files.h"
#include "container/cgroup_files.h"
#include "container/cgroup_limits.h"
#include "container/cgroup_request.h"
#include "container/cgroup_tree.h"
#include "container/cgroup_walk.h"
#include "container/device_filter.h"

namespace bothy::container {
namespace {

int write_one(int directory, const LimitWrite& write) {
  int error_number = write_cgroup_file(directory, write.file, write.value);
  if (error_number == ENOENT && !write.other_file.empty()) {
    error_number = write_cgroup_file(directory, write.other_file, write.other_value);
  }
  return error_number == ENOENT && write.optional ? 0 : error_number;
}

Error limit_error(const LimitWrite& write, const std::string& cgroup, int error_number) {
  const std::string missing =
      write.remedy.empty() ? "the kernel's controller '" + write.controller + "' has no such limit"
                           : write.remedy;
  Error error =
      cgroup_error(fmt::format("can't set the {} to '{}' ({} of cgroup '{}')", write.limit,
                               printable(write.value), write.file, printable(cgroup)),
                   error_number, missing);
  switch (error_number) {
    case ENOENT:
      error.code = ErrorCode::kUnsupported;
      break;
    case EINVAL:
    case ERANGE:
      error.code = ErrorCode::kInvalid;
      error.context += " (the kernel doesn't take this value)";
      break;
    case EBUSY:
      error.context += " (more is in use now)";
      break;
    case ENODEV:
      error.context += " (this host has no such block device)";
      break;
    case EACCES:
    case EPERM:
      error.context += " (it takes root, or a delegated cgroup)";
      break;
    default:
      break;
  }
  return error;
}

// The base of an ordinary user's cgroup in v2: the nearest delegated one that can hand the
// controllers on, which one with processes, like this process's own, can't. Nothing: none is
// delegated.
Result<std::optional<std::string>> unified_base(const CgroupHost& host,
                                                const std::vector<std::string>& needed) {
  std::optional<Error> first;
  for (const std::string& base : delegated_cgroups(host.unified, host.unified_own)) {
    const Result<void> enabled = enable_controllers(host.unified, base, needed, {});
    if (enabled) {
      return std::optional(base);
    }
    first = first ? first : enabled.error();
  }
  if (first) {
    return *first;
  }
  return std::optional<std::string>();
}

Error no_delegation(const std::string& path) {
  return make_error(ErrorCode::kPermission,
                    "can't create cgroup '{}' with limits or a device filter: no cgroup is "
                    "delegated to this user; run bothy as root, or by 'systemd-run --user --scope "
                    "-p Delegate=yes'",
                    printable(path));
}

}  // namespace

Result<Cgroup> Cgroup::create(const CgroupHost& host, std::string_view path,
                              const Resources& resources, const std::vector<DeviceRule>& rules,
                              const std::vector<std::string>& counted) {
  BOTHY_TRY(const std::string normal, normalise_cgroup_path(path));
  BOTHY_TRY(const Request request, Request::make(host, resources, rules, counted));
  if (::geteuid() != 0) {
    return make(host, normal, request, false);
  }
  Result<Cgroup> as_root = make(host, normal, request, true);
  if (as_root || as_root.error().code != ErrorCode::kPermission) {
    return as_root;
  }
  // Root of a user namespace, or with cgroups mounted read-only.
  Result<Cgroup> as_user = make(host, normal, request, false);
  return as_user || as_user.error().code != ErrorCode::kPermission ? std::move(as_user)
                                                                   : std::move(as_root);
}

Result<Cgroup> Cgroup::make(const CgroupHost& host, const std::string& path, const Request& request,
                            bool as_root) {
  Cgroup cgroup;
  NewCgroups made;
  std::optional<std::string> base;
  if (as_root) {
    base.emplace();
  } else if (!host.unified.empty()) {
    BOTHY_TRY(base, unified_base(host, request.needed));
  }
  if (!host.unified.empty() && base) {
    const CgroupPlace place{host.unified, *base, path};
    BOTHY_TRY(cgroup.unified_, make_cgroup_v2(place, request.needed, request.wanted, made));
    cgroup.paths_.push_back(place.directory());
  } else if (!request.needed.empty() || (!request.rules.empty() && !host.unified.empty())) {
    return no_delegation(path);
  }
  Request::Hierarchies hierarchies = request.needed_v1;
  hierarchies.insert(hierarchies.end(), request.wanted_v1.begin(), request.wanted_v1.end());
  for (std::size_t i = 0; i < hierarchies.size(); ++i) {
    const CgroupHost::Hierarchy& hierarchy = *hierarchies[i];
    const std::vector<std::string> bases =
        as_root ? std::vector<std::string>{""}
                : delegated_cgroups(hierarchy.mount_point, hierarchy.own);
    if (bases.empty()) {
      if (i < request.needed_v1.size()) {
        return no_delegation(path);
      }
      continue;
    }
    const CgroupPlace place{hierarchy.mount_point, bases.front(), path};
    const bool cpuset = std::ranges::count(hierarchy.controllers, "cpuset") > 0;
    BOTHY_TRY(UniqueFd directory, make_cgroup_v1(place, cpuset, made));
    BOTHY_TRY(cgroup.add_v1(place.directory(), hierarchy.controllers, std::move(directory)));
  }
  BOTHY_TRY(cgroup.write_limits(request.writes));
  if (!request.rules.empty() && cgroup.unified_) {
    BOTHY_TRY(attach_device_filter(cgroup.unified_.get(), request.rules));
  } else if (!request.rules.empty()) {
    BOTHY_TRY(cgroup.write_device_lists(request.rules));
  }
  made.keep();
  return cgroup;
}

Result<Cgroup> Cgroup::open(const std::vector<std::string>& paths) {
  Cgroup cgroup;
  std::optional<CgroupHost> host;  // looked up for v1 alone
  for (const std::string& path : paths) {
    Result<UniqueFd> directory = open_cgroup(path);
    if (!directory && directory.error().code == ErrorCode::kNotFound) {
      continue;
    }
    BOTHY_TRY(UniqueFd fd, std::move(directory));
    struct statfs status {};
    if (::fstatfs(fd.get(), &status) != 0) {
      return errno_error(fmt::format("can't stat cgroup '{}'", printable(path)));
    }
    if (status.f_type == CGROUP2_SUPER_MAGIC && !cgroup.unified_) {
      cgroup.unified_ = std::move(fd);
      cgroup.paths_.insert(cgroup.paths_.begin(), path);
      continue;
    }
    if (status.f_type != CGROUP_SUPER_MAGIC) {
      return make_error(ErrorCode::kInvalid, "'{}' is not a cgroup", printable(path));
    }
    if (!host) {
      BOTHY_TRY(host, CgroupHost::find());
    }
    const auto hierarchy = std::ranges::find_if(host->hierarchies, [&](const auto& each) {
      return path.starts_with(each.mount_point + "/");
    });
    if (hierarchy != host->hierarchies.end()) {
      BOTHY_TRY(cgroup.add_v1(path, hierarchy->controllers, std::move(fd)));
    }
  }
  if (cgroup.paths_.empty()) {
    return make_error(ErrorCode::kNotFound, "cgroup '{}' doesn't exist",
                      paths.empty() ? "" : printable(paths.front()));
  }
  return cgroup;
}

Result<void> Cgroup::add_v1(const std::string& path, std::vector<std::string> controllers,
                            UniqueFd directory) {
  UniqueFd procs(::openat(directory.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
  if (!procs) {
    return cgroup_error(fmt::format("can't open '{}/cgroup.procs'", printable(path)), errno);
  }
  paths_.push_back(path);
  v1_.push_back({std::move(controllers), path, std::move(directory), std::move(procs)});
  return success();
}

std::vector<int> Cgroup::join_fds() const {
  std::vector<int> descriptors;
  for (const V1& each : v1_) {
    descriptors.push_back(each.procs.get());
  }
  return descriptors;
}

const Cgroup::V1* Cgroup::find_v1(std::string_view controller) const noexcept {
  const auto found = std::ranges::find_if(
      v1_, [&](const V1& each) { return std::ranges::count(each.controllers, controller) > 0; });
  return found == v1_.end() ? nullptr : &*found;
}

Result<int> Cgroup::any_directory() const {
  if (unified_) {
    return unified_.get();
  }
  if (v1_.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "the container has no cgroup: run bothy as root, or by 'systemd-run --user "
                      "--scope -p Delegate=yes'");
  }
  // freeze() and kill() are about the same processes.
  const V1* freezer = find_v1("freezer");
  return (freezer != nullptr ? *freezer : v1_.front()).directory.get();
}

std::string Cgroup::name() const {
  return paths_.empty() ? std::string() : paths_.front();
}

Result<void> Cgroup::write_limits(const std::vector<LimitWrite>& writes) {
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const LimitWrite& write = writes[i];
    const V1* v1 = find_v1(write.controller);
    const int directory = v1 != nullptr ? v1->directory.get() : unified_.get();
    const std::string& path = v1 != nullptr ? v1->path : name();
    int error_number = write_one(directory, write);
    if (error_number == EINVAL && write.checked_against_next) {
      const LimitWrite& next = writes[++i];
      error_number = write_one(directory, next);
      if (error_number != 0) {
        return limit_error(next, path, error_number);
      }
      error_number = write_one(directory, write);
    }
    if (error_number != 0) {
      return limit_error(write, path, error_number);
    }
  }
  return success();
}

Result<void> Cgroup::write_device_lists(const std::vector<DeviceRule>& rules) {
  const V1* v1 = find_v1("devices");
  if (v1 == nullptr) {
    return make_error(ErrorCode::kUnsupported,
                      "can't filter devices: the container was made without a device filter");
  }
  // No rules: no filter.
  const std::vector<DeviceRule> all{{.allow = true, .read = true, .write = true, .make = true}};
  BOTHY_TRY(const auto writes, device_list_writes(rules.empty() ? all : rules));
  for (const DeviceListWrite& write : writes) {
    const int error_number = write_cgroup_file(v1->directory.get(), write.file, write.text);
    if (error_number != 0) {
      return cgroup_error(fmt::format("can't write '{}' to {} of cgroup '{}'", write.text,
                                      write.file, printable(v1->path)),
                          error_number);
    }
  }
  return success();
}

Result<void> Cgroup::set_device_rules(const std::vector<DeviceRule>& rules) {
  return unified_ ? replace_device_filter(unified_.get(), rules) : write_device_lists(rules);
}

Result<void> Cgroup::remove() {
  for (const std::string& path : paths_) {
    BOTHY_TRY(remove_cgroup(path));
  }
  return success();
}

}  // namespace bothy::container
