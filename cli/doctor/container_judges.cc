#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "cli/doctor/container_probes.h"
#include "cli/doctor/host.h"

namespace bothy::doctor {
namespace {

// For --cpus, --memory and the limit on processes.
constexpr std::array<std::string_view, 3> kNeededControllers{"cpu", "memory", "pids"};

Finding container(std::string_view id, Status status, std::string found, std::string_view meaning,
                  std::string_view remedy = {}) {
  return {std::string(id),  Group::kContainers,   status,
          std::move(found), std::string(meaning), std::string(remedy)};
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

Finding judge_user_namespaces(NamespaceStep failed_at, int error) {
  constexpr std::string_view kId = "user-namespaces";
  constexpr std::string_view kWithout = "only root can run containers";
  switch (failed_at) {
    case NamespaceStep::kDone:
      return container(kId, Status::kOk, "user namespaces work",
                       "ordinary users can run containers");
    case NamespaceStep::kCreate:
      return container(
          kId, Status::kFail, fmt::format("can't create a user namespace: {}", errno_text(error)),
          kWithout,
          error == ENOSPC ? "sudo sysctl user.max_user_namespaces=15000"
                          : "sudo sysctl kernel.unprivileged_userns_clone=1 (Debian), or allow "
                            "unshare() in the seccomp filter of this environment");
    case NamespaceStep::kMap:
    case NamespaceStep::kUse:
      return container(
          kId, Status::kFail,
          fmt::format("a user namespace can be created but not used: {}", errno_text(error)),
          kWithout,
          "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), or "
          "give bothy an AppArmor profile with userns");
    case NamespaceStep::kUnknown:
      break;
  }
  return container(kId, Status::kWarn, "the test of user namespaces did not finish", kWithout,
                   "see the kernel's log: sudo dmesg");
}

CgroupFacts parse_cgroup_mounts(std::string_view mounts) {
  CgroupFacts facts;
  for (const std::string_view line : lines(mounts)) {
    const auto fields = words(line);
    if (fields.size() < 4) {
      continue;
    }
    if (fields[2] == "cgroup2" && facts.v2_mount.empty()) {
      facts.v2_mount = fields[1];
    }
    if (fields[2] == "cgroup") {
      // A hierarchy is mounted at a directory of its controllers' names: cpu,cpuacct.
      const std::string_view directory = fields[1].substr(fields[1].rfind('/') + 1);
      for (std::size_t start = 0; start <= directory.size();) {
        const auto end = std::min(directory.find(',', start), directory.size());
        facts.v1_controllers.emplace_back(directory.substr(start, end - start));
        start = end + 1;
      }
    }
  }
  return facts;
}

std::string own_cgroup(std::string_view self_cgroup) {
  for (const std::string_view line : lines(self_cgroup)) {
    if (line.starts_with("0::")) {
      return std::string(line.substr(3));
    }
  }
  return {};
}

Finding judge_cgroups(const CgroupFacts& facts) {
  constexpr std::string_view kUnlimited =
      "containers run without limits on CPU, memory and processes";
  if (facts.v2_mount.empty()) {
    return container("cgroups", Status::kWarn,
                     facts.v1_controllers.empty() ? "cgroups are not mounted" : "version 1 only",
                     kUnlimited, "boot with systemd.unified_cgroup_hierarchy=1");
  }
  std::vector<std::string_view> missing;
  bool in_v1 = false;
  for (const std::string_view controller : kNeededControllers) {
    if (!contains(facts.v2_controllers, controller)) {
      missing.push_back(controller);
      in_v1 = in_v1 || contains(facts.v1_controllers, controller);
    }
  }
  if (in_v1) {
    return container(
        "cgroups", Status::kWarn,
        fmt::format("versions 1 and 2 mixed; {} in version 1", fmt::join(missing, ", ")),
        kUnlimited, "boot with systemd.unified_cgroup_hierarchy=1");
  }
  if (!missing.empty()) {
    return container("cgroups", Status::kWarn,
                     fmt::format("version 2 without {}", fmt::join(missing, ", ")), kUnlimited,
                     "delegate the controllers to users: Delegate=yes in systemd's user@.service");
  }
  if (!facts.writable) {
    return container("cgroups", Status::kWarn,
                     "version 2, but this user may not write to its own cgroup", kUnlimited,
                     "start bothy in a delegated cgroup: systemd-run --user --scope -p "
                     "Delegate=yes bothy ...");
  }
  return container("cgroups", Status::kOk,
                   fmt::format("version 2 with {}", fmt::join(facts.v2_controllers, ", ")),
                   "CPU, memory and processes of containers can be limited");
}

Finding judge_landlock(long abi) {
  if (abi > 0) {
    return container("landlock", Status::kOk, fmt::format("version {}", abi),
                     "programs can be restricted to a few directories");
  }
  return container("landlock", Status::kWarn,
                   abi == -EOPNOTSUPP ? "supported by the kernel, but disabled"
                                      : errno_text(static_cast<int>(-abi)),
                   "bothy's processes are not restricted to the files that they need",
                   abi == -EOPNOTSUPP ? "boot with landlock in lsm=, see /sys/kernel/security/lsm"
                                      : "use a kernel with CONFIG_SECURITY_LANDLOCK (5.13)");
}

Finding judge_seccomp(int error) {
  if (error == 0) {
    return container("seccomp", Status::kOk, "filters work",
                     "system calls of untrusted programs can be filtered");
  }
  return container("seccomp", Status::kFail, errno_text(error),
                   "system calls of untrusted programs can't be filtered",
                   "use a kernel with CONFIG_SECCOMP_FILTER");
}

FilesystemState find_filesystem(std::string_view name, std::string_view filesystems,
                                std::string_view modules) {
  for (const std::string_view line : lines(filesystems)) {
    const auto fields = words(line);
    if (!fields.empty() && fields.back() == name) {
      return FilesystemState::kThere;
    }
  }
  // A line of modules.dep: "kernel/fs/erofs/erofs.ko.xz: DEPENDENCY...".
  return modules.find(fmt::format("/{}.ko", name)) == std::string_view::npos
             ? FilesystemState::kAbsent
             : FilesystemState::kLoadable;
}

Finding judge_filesystem(std::string_view name, FilesystemState state, std::string_view without) {
  switch (state) {
    case FilesystemState::kThere:
      return container(name, Status::kOk, "supported by the kernel",
                       "images can be mounted with it");
    case FilesystemState::kLoadable:
      return container(name, Status::kInfo, "the kernel module is not loaded",
                       "root's first mount loads the module; other users can't load it",
                       fmt::format("sudo modprobe {}", name));
    case FilesystemState::kAbsent:
      break;
  }
  return container(
      name, Status::kWarn, "not supported by the kernel", without,
      fmt::format("use a kernel with CONFIG_{}_FS", name == "overlay" ? "OVERLAY" : "EROFS"));
}

}  // namespace bothy::doctor
