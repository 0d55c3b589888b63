#include "container/join.h"

#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

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

Result<NamespacesToJoin> namespaces_to_join(pid_t pid, const std::vector<Namespace>& own) {
  using enum NamespaceKind;
  using Kind = std::pair<const char*, NamespaceKind>;
  constexpr std::array kKinds{Kind{"user", kUser},     Kind{"mnt", kMount}, Kind{"pid", kPid},
                              Kind{"net", kNetwork},   Kind{"ipc", kIpc},   Kind{"uts", kUts},
                              Kind{"cgroup", kCgroup}, Kind{"time", kTime}};
  NamespacesToJoin result;
  for (const auto& [name, kind] : kKinds) {
    bool other = std::ranges::find(own, kind, &Namespace::kind) != own.end();
    if (!other) {
      BOTHY_TRY(other, differs(pid, name));
    }
    if (kind == kCgroup) {
      result.cgroup = other;
    } else {
      result.flags |= other ? clone_flag(kind) : 0;
    }
  }
  return result;
}

}  // namespace bothy::container
