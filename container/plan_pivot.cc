#include "container/plan_pivot.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/files.h"
#include "container/cgroup_files.h"
#include "container/mount_info.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

// Where proc and sysfs are mounted on the host, each after those that it covers.
Result<std::vector<std::string>> kernel_file_systems() {
  BOTHY_TRY(const UniqueFd file, open_file("/proc/self/mountinfo", O_RDONLY));
  BOTHY_TRY(const std::string text, read_to_end(file.get(), "/proc/self/mountinfo"));
  std::vector<std::string> places;
  for (const std::string_view line : lines_of(text)) {
    const auto mount = parse_mount_info(line);
    if (mount && (mount->type == "proc" || mount->type == "sysfs")) {
      places.push_back(mount->point);
    }
  }
  return places;
}

// The host's proc and sysfs stay mounted without pivot_root(2), where no name leads to them; the
// kernel would let a user namespace in the container mount new ones, without what is masked in the
// container's own (mount_too_revealing()). One that can't be unmounted is covered.
Result<void> plan_hide_host(ContainerPlan& plan) {
  BOTHY_TRY(const auto places, kernel_file_systems());
  plan.describe("can't unmount the host's proc and sysfs in the container");
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    const Kept path = plan.keep(*place);
    Call& unmount = plan.add(SYS_umount2, {path, MNT_DETACH});
    unmount.tolerated = {{{EINVAL}, {EPERM}}};
    unmount.success_skips = 1;
    plan.add(SYS_mount, {"tmpfs", path, "tmpfs", 0, nullptr});
  }
  return success();
}

}  // namespace

Result<void> plan_pivot(ContainerPlan& plan, Slot root, bool pivot) {
  if (!pivot) {
    BOTHY_TRY(plan_hide_host(plan));
  }
  plan.describe("can't enter the root file system");
  plan.add(SYS_fchdir, {root});
  if (pivot) {
    // pivot_root(2), NOTES: the old root is below the new one's ".", and goes.
    plan.add(SYS_pivot_root, {".", "."});
    plan.add(SYS_umount2, {".", MNT_DETACH});
  } else {
    plan.add(SYS_mount, {".", "/", nullptr, MS_MOVE, nullptr});
    plan.add(SYS_chroot, {"."});
  }
  plan.add(SYS_chdir, {"/"});
  return success();
}

}  // namespace bothy::container
