#include "container/plan_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/unique_fd.h"
#include "container/plan_devices.h"
#include "container/sysctls.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr int kHere = AT_FDCWD;
constexpr unsigned kCloneTree = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
constexpr unsigned kMoveByDescriptors = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

// The file systems that masks, devices and terminals refer to.
struct MadeMounts {
  Slot proc;
  Slot sys;
  DevicePlaces devices;
};

bool is_child(std::string_view path, std::string_view top) {
  return path.starts_with(top) && path.find('/', top.size()) == std::string_view::npos;
}

struct Mounter {
  ContainerPlan& plan;
  const OciSpec& spec;
  const LaunchOptions& options;
  Slot root;
  MadeMounts made;
  UniqueFd files;  // the root directory, as far as it can be seen from outside
};

void set_attributes(ContainerPlan& plan, Slot mount, std::uint64_t set, std::uint64_t clear,
                    std::uint64_t propagation, bool recursive) {
  if (set == 0 && clear == 0 && propagation == 0) {
    return;
  }
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  plan.add(SYS_mount_setattr, {mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
                               plan.keep(attributes), sizeof(attributes)});
}

Slot plan_file_system_mount(ContainerPlan& plan, const std::string& type, const std::string& source,
                            const MountOptions& options) {
  const Slot context = plan.new_slot();
  const Slot mount = plan.new_slot();
  plan.add(SYS_fsopen, {plan.keep(type), FSOPEN_CLOEXEC}).result = context;
  if (!source.empty() && source != type) {
    plan.add(SYS_fsconfig, {context, FSCONFIG_SET_STRING, "source", plan.keep(source), 0});
  }
  for (const auto& [name, value] : options.parameters) {
    if (name == "newinstance") {
      continue;  // of devpts: always the case since Linux 4.7
    }
    value.empty()
        ? plan.add(SYS_fsconfig, {context, FSCONFIG_SET_FLAG, plan.keep(name), nullptr, 0})
        : plan.add(SYS_fsconfig,
                   {context, FSCONFIG_SET_STRING, plan.keep(name), plan.keep(value), 0});
  }
  plan.add(SYS_fsconfig, {context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0});
  plan.add(SYS_fsmount, {context, FSMOUNT_CLOEXEC, options.set}).result = mount;
  return mount;
}

// Below a file system that this plan has mounted, where nothing but the kernel and this plan make
// entries, a path is reached from there, without look-ups of its own.
void plan_attachment(Mounter& mounter, const Mount& mount, Slot made) {
  ContainerPlan& plan = mounter.plan;
  const std::string& path = mount.destination;
  if (mounter.made.devices.directory.index >= 0 && is_child(path, "/dev/")) {
    const char* name = plan.keep(path.substr(5));
    plan.add(SYS_mkdirat, {mounter.made.devices.directory, name, 0755}).tolerated[0] = {EEXIST};
    plan.add(SYS_move_mount,
             {made, "", mounter.made.devices.directory, name, MOVE_MOUNT_F_EMPTY_PATH});
  } else if (mounter.made.sys.index >= 0 && path == "/sys/fs/cgroup") {
    plan.add(SYS_move_mount, {made, "", mounter.made.sys, "fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH});
  } else {
    const Slot target = plan_target(plan, mounter.root, path, TargetKind::kDirectory);
    plan.add(SYS_move_mount, {made, "", target, "", kMoveByDescriptors});
  }
}

// v2's tree on every host: where v1 has the controllers, processes see their cgroup all the same.
std::string file_system_of(const Mount& mount) {
  return mount.type == "cgroup" ? "cgroup2" : mount.type;
}

Result<TargetKind> kind_of_source(const Mount& mount, int descriptor) {
  struct stat status {};
  if ((descriptor >= 0 ? ::fstat(descriptor, &status) : ::stat(mount.source.c_str(), &status)) !=
      0) {
    return errno_error(fmt::format("can't mount '{}' on '{}'", printable(mount.source),
                                   printable(mount.destination)));
  }
  return S_ISDIR(status.st_mode) ? TargetKind::kDirectory : TargetKind::kFile;
}

Slot plan_bind_source(ContainerPlan& plan, const Mount& mount, int descriptor) {
  if (descriptor >= 0) {
    return plan.new_slot(descriptor);
  }
  const Slot tree = plan.new_slot();
  const unsigned recursive = mount.options.recursive_bind ? AT_RECURSIVE : 0U;
  plan.add(SYS_open_tree, {kHere, plan.keep(mount.source), kCloneTree | recursive}).result = tree;
  return tree;
}

void plan_propagation(ContainerPlan& plan, Slot mount, const MountOptions& options) {
  for (const unsigned long flags : options.propagation) {
    set_attributes(plan, mount, 0, 0, flags & ~static_cast<unsigned long>(MS_REC),
                   (flags & MS_REC) != 0);
  }
}

Result<void> plan_bind(Mounter& mounter, const Mount& mount, int descriptor) {
  ContainerPlan& plan = mounter.plan;
  BOTHY_TRY(const TargetKind kind, kind_of_source(mount, descriptor));
  const Slot tree = plan_bind_source(plan, mount, descriptor);
  // What is mounted or unmounted there later, on either side, stays on that side.
  if (mount.options.propagation.empty()) {
    set_attributes(plan, tree, 0, 0, MS_PRIVATE, true);
  }
  set_attributes(plan, tree, mount.options.set, mount.options.clear, 0, false);
  set_attributes(plan, tree, mount.options.recursive_set, mount.options.recursive_clear, 0, true);
  // As with other runtimes, a link to a file that the image doesn't have is no obstacle.
  const std::string destination = follow_links(mounter.files.get(), mount.destination);
  const Slot target = plan_target(plan, mounter.root, destination, kind);
  plan.add(SYS_move_mount, {tree, "", target, "", kMoveByDescriptors});
  plan_propagation(plan, tree, mount.options);
  if (mount.destination == "/dev") {
    mounter.made.devices.is_bound = true;
  }
  return success();
}

void note_mount(Mounter& mounter, const Mount& mount, Slot made) {
  if (mount.destination == "/proc" && mount.type == "proc") {
    mounter.made.proc = made;
  } else if (mount.destination == "/sys" && mount.type == "sysfs") {
    mounter.made.sys = made;
  } else if (mount.destination == "/dev" && mount.type == "tmpfs") {
    mounter.made.devices.directory = made;
  } else if (mount.destination == "/dev/pts" && mount.type == "devpts") {
    mounter.made.devices.terminals = made;
  }
}

Result<void> plan_mount(Mounter& mounter, std::size_t index) {
  ContainerPlan& plan = mounter.plan;
  const Mount& mount = mounter.spec.mounts[index];
  const int descriptor =
      index < mounter.options.mount_sources.size() ? mounter.options.mount_sources[index] : -1;
  plan.describe(fmt::format("can't mount '{}' on '{}'",
                            printable(mount.options.is_bind() ? mount.source : mount.type),
                            printable(mount.destination)));
  if (mount.options.copy_up || mount.options.remount) {
    return make_error(ErrorCode::kUnsupported, "mount of '{}': the option {} isn't supported",
                      printable(mount.destination),
                      mount.options.copy_up ? "tmpcopyup" : "remount");
  }
  if (mount.options.is_bind()) {
    return plan_bind(mounter, mount, descriptor);
  }
  const Slot made =
      plan_file_system_mount(plan, file_system_of(mount), mount.source, mount.options);
  plan_attachment(mounter, mount, made);
  plan_propagation(plan, made, mount.options);
  note_mount(mounter, mount, made);
  return success();
}

// A path below a file system that this plan has mounted is reached from there, without a look-up of
// its own: nothing but the kernel makes entries in it.
struct PlaceToHide {
  Slot directory;
  std::string path;
  bool is_ours = false;
};

PlaceToHide find_place(const Mounter& mounter, const std::string& path) {
  if (mounter.made.proc.index >= 0 && is_child(path, "/proc/")) {
    return {mounter.made.proc, path.substr(6), true};
  }
  if (mounter.made.sys.index >= 0 && is_child(path, "/sys/")) {
    return {mounter.made.sys, path.substr(5), true};
  }
  return {mounter.root, path, false};
}

// A descriptor of the place, and the number of calls that depend on it, to be left out without one.
Slot plan_look_up(Mounter& mounter, const PlaceToHide& place, std::uint16_t dependent) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const Slot found = mounter.plan.new_slot();
  Call& open = mounter.plan.add(SYS_openat2, {place.directory, mounter.plan.keep(place.path),
                                              mounter.plan.keep(how), sizeof(how)});
  open.result = found;
  open.tolerated = {{{ENOENT, dependent}, {ENOTDIR, dependent}}};
  return found;
}

// Written through a procfs of the kernel's that no mount of the container covers (CVE-2025-52881).
void plan_sysctls(Mounter& mounter) {
  ContainerPlan& plan = mounter.plan;
  if (mounter.spec.sysctls.empty()) {
    return;
  }
  plan.describe("can't mount a proc file system for sysctls");
  const Slot proc = plan_file_system_mount(plan, "proc", "", {});
  open_how how{};
  how.flags = O_WRONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  for (const auto& [name, value] : mounter.spec.sysctls) {
    plan.describe(fmt::format("can't set the sysctl '{}'", printable(name)));
    const Slot file = plan.new_slot();
    plan.add(SYS_openat2, {proc, plan.keep(sysctl_path(name)), plan.keep(how), sizeof(how)})
        .result = file;
    plan.add(SYS_write, {file, plan.keep(value), value.size()});
  }
}

void plan_read_only_paths(Mounter& mounter) {
  ContainerPlan& plan = mounter.plan;
  for (const std::string& path : mounter.spec.read_only_paths) {
    plan.describe(fmt::format("can't make '{}' read-only", printable(path)));
    PlaceToHide place = find_place(mounter, path);
    const Slot tree = plan.new_slot();
    Slot directory = place.directory;
    unsigned empty = 0;
    if (!place.is_ours) {
      directory = plan_look_up(mounter, place, 3);
      place.path.clear();
      empty = AT_EMPTY_PATH;
    }
    const char* name = plan.keep(place.path);
    Call& clone = plan.add(
        SYS_open_tree, {directory, name, kCloneTree | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | empty});
    clone.result = tree;
    clone.tolerated[0] = {ENOENT, 2};
    set_attributes(plan, tree, MOUNT_ATTR_RDONLY, 0, 0, true);
    plan.add(SYS_move_mount,
             {tree, "", directory, name,
              place.is_ours ? static_cast<unsigned>(MOVE_MOUNT_F_EMPTY_PATH) : kMoveByDescriptors});
  }
}

// What covers paths: clones of a mount, each attached once.
struct Masks {
  Slot file;
  Slot directory;
};

Call& clone_null(ContainerPlan& plan, const Masks& masks) {
  Call& clone = plan.add(SYS_open_tree, {kHere, "/dev/null", kCloneTree});
  clone.result = masks.file;
  return clone;
}

// Which of both fits shows when the other one doesn't (EINVAL). Each is four calls at most: cover,
// clone anew what has been used, twice.
void plan_mask(Mounter& mounter, const Masks& masks, const PlaceToHide& place, unsigned flags) {
  constexpr std::array<std::string_view, 4> kDirectories{"acpi", "asound", "scsi", "firmware"};
  ContainerPlan& plan = mounter.plan;
  const char* name = plan.keep(place.path);
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

// A file is covered by the host's /dev/null, never by one of the image's (CVE-2025-31133), and a
// directory by an empty one.
void plan_masks(Mounter& mounter) {
  ContainerPlan& plan = mounter.plan;
  if (mounter.spec.masked_paths.empty()) {
    return;
  }
  plan.describe("can't prepare the masks of paths");
  MountOptions empty;
  empty.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const Masks masks{plan.new_slot(), plan_file_system_mount(plan, "tmpfs", "", empty)};
  clone_null(plan, masks);
  for (const std::string& path : mounter.spec.masked_paths) {
    plan.describe(fmt::format("can't mask '{}'", printable(path)));
    PlaceToHide place = find_place(mounter, path);
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH;
    if (!place.is_ours) {
      place = {plan_look_up(mounter, place, 4), "", false};
      flags = kMoveByDescriptors;
    }
    plan_mask(mounter, masks, place, flags);
  }
}

// What is written ends with the container: nothing waits until it is on a disk (volatile).
Slot plan_overlay(ContainerPlan& plan, const OverlayRoot& overlay) {
  MountOptions options;
  options.parameters = {{"lowerdir", overlay.lower},
                        {"upperdir", overlay.upper},
                        {"workdir", overlay.work},
                        {"userxattr", ""},
                        {"volatile", ""}};
  return plan_file_system_mount(plan, "overlay", "", options);
}

// The root is attached where nothing of the container can see it but by its descriptor.
Slot plan_root(ContainerPlan& plan, const OciSpec& spec, const LaunchOptions& options) {
  plan.describe("can't separate the container's mounts from the host's");
  plan.add(SYS_mount, {nullptr, "/", nullptr, MS_SLAVE | MS_REC, nullptr});
  const std::string& place = options.attach_point.empty() ? spec.root.path : options.attach_point;
  plan.describe(fmt::format("can't mount the root file system on '{}'", printable(place)));
  Slot root;
  if (options.overlay) {
    root = plan_overlay(plan, *options.overlay);
  } else if (options.root >= 0) {
    root = plan.new_slot(options.root);
  } else {
    root = plan.new_slot();
    plan.add(SYS_open_tree, {kHere, plan.keep(spec.root.path), kCloneTree | AT_RECURSIVE}).result =
        root;
  }
  plan.add(SYS_move_mount, {root, "", kHere, plan.keep(place), MOVE_MOUNT_F_EMPTY_PATH});
  // pivot_root(2): neither the new root's mount nor its parent may be shared.
  set_attributes(plan, root, 0, 0, MS_PRIVATE, true);
  return root;
}

Result<UniqueFd> open_files(const OciSpec& spec, const LaunchOptions& options) {
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  if (options.root < 0) {
    return open_file(options.overlay ? options.overlay->lower : spec.root.path, kFlags);
  }
  UniqueFd files(::openat(options.root, ".", kFlags));
  if (!files) {
    return errno_error("can't open the container's root directory");
  }
  return files;
}

void plan_pivot(ContainerPlan& plan, Slot root, bool pivot) {
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
}

}  // namespace

Result<FileSystemPlan> plan_file_system(ContainerPlan& plan, const OciSpec& spec,
                                        const LaunchOptions& options) {
  Mounter mounter{plan, spec, options, plan_root(plan, spec, options), {}, {}};
  BOTHY_TRY(mounter.files, open_files(spec, options));
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    BOTHY_TRY(plan_mount(mounter, i));
  }
  plan_sysctls(mounter);
  FileSystemPlan result{mounter.root, {}};
  BOTHY_TRY(result.terminal, plan_devices(plan, spec, options, mounter.root, mounter.made.devices));
  plan_read_only_paths(mounter);
  plan_masks(mounter);
  plan.describe("can't set the attributes of the root file system");
  set_attributes(plan, mounter.root, spec.root.read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0, 0,
                 0, false);
  plan_pivot(plan, mounter.root, options.pivot);
  if (spec.root.propagation != 0) {
    plan.describe("can't set the propagation of the root file system");
    plan.add(SYS_mount, {nullptr, "/", nullptr, spec.root.propagation, nullptr});
  }
  return result;
}

}  // namespace bothy::container
