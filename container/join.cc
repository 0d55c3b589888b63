#include "container/join.h"

#include <sched.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <utility>

#include "container/spec.h"

namespace bothy::container {
namespace {

Result<bool> differs(pid_t pid, const char* name) {
  struct stat ours {};
  struct stat theirs {};
  if (::stat(fmt::format("/proc/self/ns/{}", name).c_str(), &ours) != 0) {
    return false;  // this kernel doesn't have the namespace
  }
  if (::stat(fmt::format("/proc/{}/ns/{}", pid, name).c_str(), &theirs) != 0) {
    return errno_error(fmt::format("can't look at the namespaces of process {}", pid));
  }
  return ours.st_ino != theirs.st_ino;
}

}  // namespace

Result<std::uint64_t> user_namespace_to_join(pid_t pid) {
  BOTHY_TRY(const bool user, differs(pid, "user"));
  return user ? clone_flag(NamespaceKind::kUser) : std::uint64_t{0};
}

Result<NamespacesToJoin> namespaces_to_join(pid_t pid) {
  using Kind = std::pair<const char*, std::uint64_t>;
  const std::array kKinds{Kind{"user", CLONE_NEWUSER},
                          Kind{"mnt", CLONE_NEWNS},
                          Kind{"pid", CLONE_NEWPID},
                          Kind{"net", CLONE_NEWNET},
                          Kind{"ipc", CLONE_NEWIPC},
                          Kind{"uts", CLONE_NEWUTS},
                          Kind{"time", clone_flag(NamespaceKind::kTime)}};
  NamespacesToJoin result;
  for (const auto& [name, flag] : kKinds) {
    BOTHY_TRY(const bool other, differs(pid, name));
    result.flags |= other ? flag : 0;
  }
  BOTHY_TRY(result.cgroup, differs(pid, "cgroup"));
  return result;
}

}  // namespace bothy::container
