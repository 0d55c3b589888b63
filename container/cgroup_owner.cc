#include "container/cgroup_owner.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

// Of kernels without the list.
constexpr const char* kFiles = "cgroup.procs cgroup.subtree_control cgroup.threads";

bool is_writable_tree(const Mount& mount) {
  return (mount.type == "cgroup" || mount.type == "cgroup2") &&
         mount.destination == "/sys/fs/cgroup" && (mount.options.set & MOUNT_ATTR_RDONLY) == 0;
}

std::optional<std::uint32_t> host_id(const std::vector<IdMapping>& ranges, std::uint32_t id) {
  for (const IdMapping& range : ranges) {
    if (id >= range.container && id - range.container < range.size) {
      return range.host + (id - range.container);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<CgroupOwner> cgroup_owner(const OciSpec& spec) {
  const Namespace* cgroups = spec.find(NamespaceKind::kCgroup);
  const bool has_own = cgroups != nullptr && cgroups->path.empty();
  if (!spec.process || !has_own || std::ranges::none_of(spec.mounts, is_writable_tree)) {
    return std::nullopt;
  }
  std::optional<std::uint32_t> user = spec.process->user;
  std::optional<std::uint32_t> group = spec.process->group;
  if (spec.find(NamespaceKind::kUser) != nullptr) {
    user = host_id(spec.mappings.users, *user);
    group = host_id(spec.mappings.groups, *group);
  }
  if (!user || !group || user == ::geteuid()) {
    return std::nullopt;
  }
  return CgroupOwner{*user, *group};
}

Result<void> give_cgroup(int directory, const CgroupOwner& owner) {
  const std::string listed =
      read_cgroup_file(AT_FDCWD, "/sys/kernel/cgroup/delegate").value_or(kFiles);
  std::vector<std::string> names = words_of(listed);
  names.insert(names.begin(), "");
  for (const std::string& name : names) {
    const int flags = AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0);
    if (::fchownat(directory, name.c_str(), owner.user, owner.group, flags) == 0 ||
        errno == ENOENT) {
      continue;
    }
    if (errno == EPERM && ::geteuid() != 0) {
      return success();
    }
    return cgroup_error("can't give the cgroup to user " + std::to_string(owner.user), errno);
  }
  return success();
}

}  // namespace bothy::container
