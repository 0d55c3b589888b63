#include "container/plan_hidden_paths.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "base/files.h"
#include "container/plan_mount_calls.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

// A path below a file system that this plan has mounted is reached from there, without a look-up of
// its own: nothing but the kernel makes entries in it.
struct PlaceToHide {
  Slot directory;
  std::string path;
  bool is_ours = false;
};

PlaceToHide find_place(const OwnMounts& own, const std::string& path) {
  if (own.proc.index >= 0 && is_child(path, "/proc/")) {
    return {own.proc, path.substr(6), true};
  }
  if (own.sys.index >= 0 && is_child(path, "/sys/")) {
    return {own.sys, path.substr(5), true};
  }
  return {own.root, path, false};
}

// A descriptor of the place, and the number of calls that depend on it, to be left out without one.
Slot plan_look_up(ContainerPlan& plan, const PlaceToHide& place, std::uint16_t dependent) {
  const Slot found = plan.new_slot();
  Call& open = plan.add_open(found, place.directory, plan.keep(place.path), O_PATH,
                             RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  open.tolerated = {{{ENOENT, dependent}, {ENOTDIR, dependent}}};
  return found;
}

// What covers paths: clones of a mount, each attached once.
struct Masks {
  Slot file;
  Slot directory;
};

Call& clone_null(ContainerPlan& plan, const Masks& masks) {
  Call& clone = plan.add(SYS_open_tree, {AT_FDCWD, "/dev/null", kCloneTree});
  clone.result = masks.file;
  return clone;
}

// Which of both fits shows when the other one doesn't (EINVAL). Each is four calls at most: cover,
// clone anew what has been used, twice.
void plan_mask(ContainerPlan& plan, const Masks& masks, const PlaceToHide& place, unsigned flags) {
  constexpr std::array<std::string_view, 4> kDirectories{"acpi", "asound", "scsi", "firmware"};
  const Kept name = plan.keep(place.path);
  const auto cover_directory = [&]() -> Call& {
    return plan.add(SYS_move_mount, {masks.directory, "", place.directory, name, flags});
  };
  const auto cover_file = [&]() -> Call& {
    return plan.add(SYS_move_mount, {masks.file, "", place.directory, name, flags});
  };
  const auto clone_directory = [&]() -> Call& {
    Call& clone = plan.add(SYS_open_tree, {masks.directory, "", kCloneTree | AT_EMPTY_PATH});
    clone.result = masks.directory;
    return clone;
  };
  if (std::ranges::count(kDirectories, place.path) != 0) {
    cover_directory().tolerated = {{{ENOENT, 3}, {EINVAL, 1}}};
    clone_directory().success_skips = 2;
    cover_file().tolerated[0] = {ENOENT, 1};
    clone_null(plan, masks);
  } else {
    cover_file().tolerated = {{{ENOENT, 3}, {EINVAL, 1}}};
    clone_null(plan, masks).success_skips = 2;
    cover_directory().tolerated[0] = {ENOENT, 1};
    clone_directory();
  }
}

}  // namespace

void plan_read_only_paths(ContainerPlan& plan, const std::vector<std::string>& paths,
                          const OwnMounts& own) {
  for (const std::string& path : paths) {
    plan.describe(fmt::format("can't make '{}' read-only", printable(path)));
    PlaceToHide place = find_place(own, path);
    const Slot tree = plan.new_slot();
    Slot directory = place.directory;
    unsigned empty = 0;
    if (!place.is_ours) {
      directory = plan_look_up(plan, place, 3);
      place.path.clear();
      empty = AT_EMPTY_PATH;
    }
    const Kept name = plan.keep(place.path);
    Call& clone = plan.add(
        SYS_open_tree, {directory, name, kCloneTree | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | empty});
    clone.result = tree;
    clone.tolerated[0] = {ENOENT, 2};
    plan_attributes(plan, tree, MOUNT_ATTR_RDONLY, 0, 0, true);
    plan.add(SYS_move_mount,
             {tree, "", directory, name,
              place.is_ours ? static_cast<unsigned>(MOVE_MOUNT_F_EMPTY_PATH) : kMoveByDescriptors});
  }
}

// A file is covered by the host's /dev/null, never by one of the image's (CVE-2025-31133), and a
// directory by an empty one.
void plan_masks(ContainerPlan& plan, const std::vector<std::string>& paths, const OwnMounts& own) {
  if (paths.empty()) {
    return;
  }
  plan.describe("can't prepare the masks of paths");
  MountOptions empty;
  empty.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const Masks masks{plan.new_slot(), plan_new_mount(plan, "tmpfs", "", empty)};
  clone_null(plan, masks);
  for (const std::string& path : paths) {
    plan.describe(fmt::format("can't mask '{}'", printable(path)));
    PlaceToHide place = find_place(own, path);
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH;
    if (!place.is_ours) {
      place = {plan_look_up(plan, place, 4), "", false};
      flags = kMoveByDescriptors;
    }
    plan_mask(plan, masks, place, flags);
  }
}

}  // namespace bothy::container
