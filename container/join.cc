#include "container/join.h"

#include <sched.h>
#include <sys/stat.h>

#include <string>

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

Result<std::uint64_t> namespaces_to_join(pid_t pid) {
  BOTHY_TRY(const std::uint64_t user, user_namespace_to_join(pid));
  BOTHY_TRY(const bool time, differs(pid, "time"));
  return user | (time ? clone_flag(NamespaceKind::kTime) : std::uint64_t{0}) | CLONE_NEWNS |
         CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
}

}  // namespace bothy::container
