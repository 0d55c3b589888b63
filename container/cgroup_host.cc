// CgroupHost: which hierarchies are mounted where (proc(5), mountinfo; cgroups(7),
// /proc/pid/cgroup).
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/files.h"
#include "container/cgroup.h"
#include "container/cgroup_files.h"
#include "container/mount_info.h"

namespace bothy::container {
namespace {

// Where cgroups are by convention (file-hierarchy(7)).
constexpr const char* kUsualMount = "/sys/fs/cgroup";

// The cgroup mounts that can be seen: a later mount hides those at its mount point and below.
std::vector<MountInfo> cgroup_mounts(std::string_view mountinfo) {
  std::vector<MountInfo> mounts;
  for (const std::string_view line : lines_of(mountinfo)) {
    std::optional<MountInfo> mount = parse_mount_info(line);
    if (!mount) {
      continue;
    }
    std::erase_if(mounts, [&](const MountInfo& earlier) {
      return earlier.point == mount->point || earlier.point.starts_with(mount->point + "/");
    });
    if (mount->type == "cgroup" || mount->type == "cgroup2") {
      mounts.push_back(std::move(*mount));
    }
  }
  return mounts;
}

// `cgroup` of /proc/self/cgroup as a path below the mount point; "/" when it isn't below.
std::string below_root(std::string_view cgroup, std::string_view root) {
  if (root != "/" && (cgroup == root || cgroup.starts_with(std::string(root) + "/"))) {
    cgroup.remove_prefix(root.size());
  } else if (root != "/") {
    return "/";
  }
  // "/../x": outside the cgroup namespace that this process sees (cgroup_namespaces(7)).
  const bool usable = cgroup.starts_with('/') && !cgroup.starts_with("/..");
  return usable ? std::string(cgroup) : "/";
}

}  // namespace

Result<CgroupHost> CgroupHost::find() {
  struct statfs status {};
  const bool v2_alone = ::statfs(kUsualMount, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
  // The usual case is spared a mountinfo that may have thousands of lines.
  const std::optional<std::string> mountinfo =
      v2_alone ? fmt::format("0 0 0:0 / {} rw - cgroup2 cgroup2 rw\n", kUsualMount)
               : read_cgroup_file(AT_FDCWD, "/proc/self/mountinfo");
  if (!mountinfo) {
    return errno_error("can't read /proc/self/mountinfo");
  }
  const auto cgroup = read_cgroup_record(AT_FDCWD, "/proc/self/cgroup");
  if (!cgroup) {
    return errno_error("can't read /proc/self/cgroup");
  }
  BOTHY_TRY(CgroupHost host, parse(*mountinfo, *cgroup, {}));
  if (!host.unified.empty()) {
    const auto controllers = read_cgroup_record(AT_FDCWD, host.unified + "/cgroup.controllers");
    host.unified_controllers = words_of(controllers.value_or(std::string()));
  }
  return host;
}

Result<CgroupHost> CgroupHost::parse(std::string_view mountinfo, std::string_view cgroup,
                                     std::string_view controllers) {
  CgroupHost host;
  host.unified_controllers = words_of(controllers);
  const std::vector<MountInfo> mounts = cgroup_mounts(mountinfo);
  for (const std::string_view line : lines_of(cgroup)) {
    // ID:CONTROLLERS:PATH, where the path may have colons
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      return make_error(ErrorCode::kBadInput, "/proc/self/cgroup has an invalid line '{}'",
                        printable(line));
    }
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    const std::vector<std::string> own = split_at(names, ',');
    const auto mount = std::ranges::find_if(mounts, [&](const MountInfo& each) {
      return names.empty() ? each.type == "cgroup2"
                           : each.type == "cgroup" && std::ranges::count(each.options, own[0]) > 0;
    });
    if (mount == mounts.end() || own[0].starts_with("name=")) {
      continue;
    }
    if (names.empty()) {
      host.unified = mount->point;
      host.unified_own = below_root(path, mount->root);
    } else {
      host.hierarchies.push_back({own, mount->point, below_root(path, mount->root)});
    }
  }
  return host;
}

}  // namespace bothy::container
