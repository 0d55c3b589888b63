#include "cli/doctor/container_probes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/unique_fd.h"
#include "cli/doctor/host.h"

namespace bothy::doctor {
namespace {

constexpr std::chrono::milliseconds kNamespaceLimit{500};

struct NamespaceTrial {
  NamespaceStep failed_at = NamespaceStep::kUnknown;
  int error = 0;
};

int write_file(const char* path, std::string_view text) noexcept {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  const bool written =
      fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return written ? 0 : errno;
}

// Runs in a child. AppArmor allows creating a namespace and then denies using its privileges, hence
// the last step.
NamespaceTrial enter_user_namespace() {
  const std::string uid_map = fmt::format("0 {} 1", ::geteuid());
  if (::unshare(CLONE_NEWUSER) != 0) {
    return {NamespaceStep::kCreate, errno};
  }
  if (const int error = write_file("/proc/self/uid_map", uid_map); error != 0) {
    return {NamespaceStep::kMap, error};
  }
  if (::unshare(CLONE_NEWNS) != 0) {
    return {NamespaceStep::kUse, errno};
  }
  return {NamespaceStep::kDone, 0};
}

Finding probe_user_namespaces() {
  const auto text = run_in_child(kNamespaceLimit, [] {
    const NamespaceTrial trial = enter_user_namespace();
    return fmt::format("{} {}", static_cast<int>(trial.failed_at), trial.error);
  });
  const auto parts = words(text ? std::string_view(*text) : std::string_view());
  if (parts.size() != 2) {
    return judge_user_namespaces(NamespaceStep::kUnknown, 0);
  }
  return judge_user_namespaces(static_cast<NamespaceStep>(to_number(parts[0])),
                               static_cast<int>(to_number(parts[1])));
}

CgroupFacts look_at_cgroups() {
  CgroupFacts facts = parse_cgroup_mounts(read_file("/proc/mounts"));
  const std::string directory = facts.v2_mount + own_cgroup(read_file("/proc/self/cgroup"));
  if (!facts.v2_mount.empty()) {
    const std::string controllers = read_file(directory + "/cgroup.controllers");
    for (const std::string_view controller : words(controllers)) {
      facts.v2_controllers.emplace_back(controller);
    }
    facts.writable = ::access(directory.c_str(), W_OK) == 0;
  }
  return facts;
}

long landlock_abi() noexcept {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? -static_cast<long>(errno) : abi;
}

int try_seccomp() noexcept {
  const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ? 0 : errno;
}

}  // namespace

Findings probe_containers() {
  utsname kernel{};
  ::uname(&kernel);
  const std::string filesystems = read_file("/proc/filesystems");
  const std::string modules = read_file(fmt::format("/lib/modules/{}/modules.dep", kernel.release));
  return {
      probe_user_namespaces(),
      judge_cgroups(look_at_cgroups()),
      judge_landlock(landlock_abi()),
      judge_seccomp(try_seccomp()),
      judge_filesystem("overlay", find_filesystem("overlay", filesystems, modules),
                       "each container needs a copy of its image"),
      judge_filesystem("erofs", find_filesystem("erofs", filesystems, modules),
                       "images must be unpacked into directories"),
  };
}

}  // namespace bothy::doctor
