#include "container/sysctls.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/files.h"

namespace bothy::container {
namespace {

// namespaces(7), ipc_namespaces(7), uts_namespaces(7); a name that ends with "/" is a whole branch.
constexpr std::array<std::pair<std::string_view, NamespaceKind>, 15> kNamespaced{{
    {"sys/net/", NamespaceKind::kNetwork},
    {"sys/fs/mqueue/", NamespaceKind::kIpc},
    {"sys/kernel/auto_msgmni", NamespaceKind::kIpc},
    {"sys/kernel/msg_next_id", NamespaceKind::kIpc},
    {"sys/kernel/msgmax", NamespaceKind::kIpc},
    {"sys/kernel/msgmnb", NamespaceKind::kIpc},
    {"sys/kernel/msgmni", NamespaceKind::kIpc},
    {"sys/kernel/sem", NamespaceKind::kIpc},
    {"sys/kernel/sem_next_id", NamespaceKind::kIpc},
    {"sys/kernel/shm_next_id", NamespaceKind::kIpc},
    {"sys/kernel/shm_rmid_forced", NamespaceKind::kIpc},
    {"sys/kernel/shmall", NamespaceKind::kIpc},
    {"sys/kernel/shmmax", NamespaceKind::kIpc},
    {"sys/kernel/shmmni", NamespaceKind::kIpc},
    {"sys/kernel/domainname", NamespaceKind::kUts},
}};

const NamespaceKind* find_namespace(std::string_view path) {
  for (const auto& [name, kind] : kNamespaced) {
    if (name == path || (name.ends_with('/') && path.starts_with(name))) {
      return &kind;
    }
  }
  return nullptr;
}

}  // namespace

std::string sysctl_path(std::string_view name) {
  std::string path(name);
  if (name.find('/') == std::string_view::npos) {
    std::ranges::replace(path, '.', '/');
  }
  return "sys/" + path;
}

Result<void> check_sysctls(const OciSpec& spec) {
  for (const auto& [name, value] : spec.sysctls) {
    const std::string path = sysctl_path(name);
    const NamespaceKind* kind = find_namespace(path);
    if (kind == nullptr || path.find("..") != std::string::npos) {
      return make_error(ErrorCode::kInvalid,
                        "sysctl '{}': not one of a container's namespaces, but of the whole host",
                        printable(name));
    }
    const Namespace* own = spec.find(*kind);
    if (own == nullptr || !own->path.empty()) {
      return make_error(ErrorCode::kInvalid,
                        "sysctl '{}': the container has no {} namespace of its own",
                        printable(name), to_string(*kind));
    }
  }
  return success();
}

}  // namespace bothy::container
