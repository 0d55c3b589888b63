#include "container/spec.h"

#include <sched.h>

#include <algorithm>
#include <array>

namespace bothy::container {
namespace {

struct KindNames {
  NamespaceKind kind;
  std::string_view name;  // in config.json and in /proc/PID/ns
  std::uint64_t flag;
};

constexpr std::uint64_t kCloneNewTime = 0x80;  // CLONE_NEWTIME, which older headers lack

constexpr std::array<KindNames, kNamespaceKinds> kKinds{{
    {NamespaceKind::kUser, "user", CLONE_NEWUSER},
    {NamespaceKind::kMount, "mount", CLONE_NEWNS},
    {NamespaceKind::kPid, "pid", CLONE_NEWPID},
    {NamespaceKind::kNetwork, "network", CLONE_NEWNET},
    {NamespaceKind::kIpc, "ipc", CLONE_NEWIPC},
    {NamespaceKind::kUts, "uts", CLONE_NEWUTS},
    {NamespaceKind::kCgroup, "cgroup", CLONE_NEWCGROUP},
    {NamespaceKind::kTime, "time", kCloneNewTime},
}};

}  // namespace

const Namespace* OciSpec::find(NamespaceKind kind) const noexcept {
  const auto found = std::ranges::find(namespaces, kind, &Namespace::kind);
  return found == namespaces.end() ? nullptr : &*found;
}

std::string_view to_string(NamespaceKind kind) noexcept {
  return kKinds.at(static_cast<std::size_t>(kind)).name;
}

std::uint64_t clone_flag(NamespaceKind kind) noexcept {
  return kKinds.at(static_cast<std::size_t>(kind)).flag;
}

}  // namespace bothy::container
