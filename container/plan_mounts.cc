#include "container/plan_mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "base/unique_fd.h"
#include "container/plan_devices.h"
#include "container/plan_hidden_paths.h"
#include "container/plan_hooks.h"
#include "container/plan_mount_calls.h"
#include "container/plan_pivot.h"
#include "container/plan_process.h"
#include "container/stage/copy.h"
#include "container/sysctls.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr int kHere = AT_FDCWD;
constexpr std::uint64_t kInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;

struct Mounter {
  ContainerPlan& plan;
  const OciSpec& spec;
  const LaunchOptions& options;
  OwnMounts own;
  DevicePlaces devices;
  UniqueFd files;          // the root directory, as far as it can be seen from outside; once needed
  bool is_in_dev = false;  // the working directory is that of `devices`
  std::vector<std::pair<Slot, std::string>> read_only_later = {};  // tmpfs, and where
};

// Below a file system that this plan has mounted, where nothing but the kernel and this plan make
// entries, a path is reached from there, without look-ups of its own.
void plan_attachment(Mounter& mounter, const Mount& mount, Slot made) {
  ContainerPlan& plan = mounter.plan;
  const std::string& path = mount.destination;
  if (mounter.devices.directory.index >= 0 && is_child(path, "/dev/")) {
    const Kept name = plan.keep(path.substr(5));
    plan.add(SYS_mkdirat, {mounter.devices.directory, name, 0755}).tolerated[0] = {EEXIST};
    plan.add(SYS_move_mount, {made, "", mounter.devices.directory, name, MOVE_MOUNT_F_EMPTY_PATH});
  } else if (mounter.own.sys.index >= 0 && path == "/sys/fs/cgroup") {
    plan.add(SYS_move_mount, {made, "", mounter.own.sys, "fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH});
  } else {
    const Slot target = plan_target(plan, mounter.own.root, path, TargetKind::kDirectory);
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
    plan_attributes(plan, mount, 0, 0, flags & ~static_cast<unsigned long>(MS_REC),
                    (flags & MS_REC) != 0);
  }
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

Result<void> plan_bind(Mounter& mounter, const Mount& mount, int descriptor) {
  ContainerPlan& plan = mounter.plan;
  BOTHY_TRY(const TargetKind kind, kind_of_source(mount, descriptor));
  const Slot tree = plan_bind_source(plan, mount, descriptor);
  // What is mounted or unmounted there later, on either side, stays on that side.
  if (mount.options.propagation.empty()) {
    plan_attributes(plan, tree, 0, 0, MS_PRIVATE, true);
  }
  plan_attributes(plan, tree, mount.options.set, mount.options.clear, 0, false);
  plan_attributes(plan, tree, mount.options.recursive_set, mount.options.recursive_clear, 0, true);
  // As with other runtimes, a link to a file that the image doesn't have is no obstacle.
  if (!mounter.files) {
    BOTHY_TRY(mounter.files, open_files(mounter.spec, mounter.options));
  }
  const std::string destination = follow_links(mounter.files.get(), mount.destination);
  const Slot target = plan_target(plan, mounter.own.root, destination, kind);
  plan.add(SYS_move_mount, {tree, "", target, "", kMoveByDescriptors});
  plan_propagation(plan, tree, mount.options);
  if (mount.destination == "/dev") {
    mounter.devices.is_bound = true;
  }
  return success();
}

void note_mount(Mounter& mounter, const Mount& mount, Slot made) {
  if (mount.destination == "/proc" && mount.type == "proc") {
    mounter.own.proc = made;
  } else if (mount.destination == "/sys" && mount.type == "sysfs") {
    mounter.own.sys = made;
  } else if (mount.destination == "/dev" && mount.type == "tmpfs") {
    mounter.devices.directory = made;
    mounter.is_in_dev = false;
  } else if (mount.destination == "/dev/pts" && mount.type == "devpts") {
    mounter.devices.terminals = made;
  }
}

// The data of mount(2); nothing where that isn't what fsconfig(2) would set.
std::optional<std::string> mount_data(const Mount& mount) {
  constexpr std::uint64_t kSameBits = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  constexpr std::array<std::string_view, 3> kTypes{"tmpfs", "devpts", "mqueue"};
  static_assert(kSameBits == (MS_NOSUID | MS_NODEV | MS_NOEXEC));
  constexpr std::size_t kMaxData = 4000;  // a page with all else
  std::string data;
  for (const auto& [name, value] : mount.options.parameters) {
    if (name == "newinstance") {
      continue;
    }
    if ((name + value).find_first_of(",\\\"=") != std::string::npos) {
      return std::nullopt;
    }
    data += (data.empty() ? "" : ",") + name + (value.empty() ? "" : "=") + value;
  }
  const bool fits = std::ranges::count(kTypes, mount.type) != 0 &&
                    (mount.options.set & ~kSameBits) == 0 && mount.options.propagation.empty() &&
                    data.size() < kMaxData;
  return fits ? std::optional(data) : std::nullopt;
}

// Below a /dev that this plan has mounted, where no name is anybody else's, one call does what
// takes fsopen(2) and the calls after it four and more.
bool plan_mount_below_dev(Mounter& mounter, const Mount& mount) {
  ContainerPlan& plan = mounter.plan;
  const Slot devices = mounter.devices.directory;
  const auto data = mount_data(mount);
  if (devices.index < 0 || !is_child(mount.destination, "/dev/") || !data) {
    return false;
  }
  const Kept name = plan.keep(mount.destination.substr(5));
  const std::string& source = mount.source.empty() ? mount.type : mount.source;
  if (!std::exchange(mounter.is_in_dev, true)) {
    plan.add(SYS_fchdir, {devices});
  }
  plan.add(SYS_mkdirat, {devices, name, 0755}).tolerated[0] = {EEXIST};
  plan.add(SYS_mount,
           {plan.keep(source), name, plan.keep(mount.type), mount.options.set, plan.keep(*data)});
  const bool is_terminal_needed = mounter.spec.process && mounter.spec.process->terminal;
  if (is_terminal_needed && mount.destination == "/dev/pts" && mount.type == "devpts") {
    mounter.devices.terminals = plan.new_slot();
    plan.add_open(mounter.devices.terminals, devices, name, O_PATH | O_DIRECTORY,
                  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  }
  return true;
}

// As with other runtimes, a tmpfs has the mode of the directory that it covers, unless an option
// says which, and with tmpcopyup its files. A read-only one is that once all mounts and devices are
// made in it.
void plan_tmpfs(Mounter& mounter, const Mount& mount) {
  ContainerPlan& plan = mounter.plan;
  const bool has_mode = std::ranges::any_of(
      mount.options.parameters, [](const auto& parameter) { return parameter.first == "mode"; });
  const long copied =
      (has_mode ? 0L : long{kCopyMode}) | (mount.options.copy_up ? long{kCopyContent} : 0L);
  const Slot covered = plan.new_slot();
  if (copied != 0) {
    plan.add_open(covered, mounter.own.root, plan.keep(mount.destination), O_PATH | O_DIRECTORY,
                  kInRoot)
        .tolerated[0] = {ENOENT};
  }
  MountOptions writable = mount.options;
  writable.set &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
  const Slot made = plan_new_mount(plan, mount.type, mount.source, writable);
  if (copied != 0) {
    plan.add(kCopyDirectory, {covered, made, copied});
  }
  plan_attachment(mounter, mount, made);
  plan_propagation(plan, made, mount.options);
  note_mount(mounter, mount, made);
  if (writable.set != mount.options.set) {
    mounter.read_only_later.emplace_back(made, mount.destination);
  }
}

// Attributes that aren't named stay as they are: a remount never drops one.
Result<void> plan_remount(Mounter& mounter, const Mount& mount) {
  ContainerPlan& plan = mounter.plan;
  const MountOptions& options = mount.options;
  if (options.copy_up || options.idmap || options.recursive_idmap) {
    return make_error(ErrorCode::kInvalid,
                      "mount of '{}': a remount can't have the options tmpcopyup, idmap, ridmap",
                      printable(mount.destination));
  }
  plan.describe(fmt::format("can't remount '{}'", printable(mount.destination)));
  const Slot target = plan.new_slot();
  plan.add_open(target, mounter.own.root, plan.keep(mount.destination), O_PATH, kInRoot);
  if (!options.is_bind() && !options.parameters.empty()) {
    plan_reconfiguration(plan, target, options);
  }
  plan_attributes(plan, target, options.set, options.clear, 0, false);
  plan_attributes(plan, target, options.recursive_set, options.recursive_clear, 0, true);
  plan_propagation(plan, target, options);
  return success();
}

Result<void> plan_mount(Mounter& mounter, std::size_t index) {
  ContainerPlan& plan = mounter.plan;
  const Mount& mount = mounter.spec.mounts[index];
  const int descriptor =
      index < mounter.options.mount_sources.size() ? mounter.options.mount_sources[index] : -1;
  plan.describe(fmt::format("can't mount '{}' on '{}'",
                            printable(mount.options.is_bind() ? mount.source : mount.type),
                            printable(mount.destination)));
  if (mount.options.remount) {
    return plan_remount(mounter, mount);
  }
  if (mount.options.copy_up && mount.type != "tmpfs") {
    return make_error(ErrorCode::kInvalid, "mount of '{}': tmpcopyup is an option of tmpfs",
                      printable(mount.destination));
  }
  if (mount.options.is_bind()) {
    return plan_bind(mounter, mount, descriptor);
  }
  if (plan_mount_below_dev(mounter, mount)) {
    return success();
  }
  if (mount.type == "tmpfs") {
    plan_tmpfs(mounter, mount);
    return success();
  }
  const Slot made = plan_new_mount(plan, file_system_of(mount), mount.source, mount.options);
  plan_attachment(mounter, mount, made);
  plan_propagation(plan, made, mount.options);
  note_mount(mounter, mount, made);
  return success();
}

// Written through a procfs of the kernel's that no mount of the container covers (CVE-2025-52881).
void plan_sysctls(Mounter& mounter) {
  ContainerPlan& plan = mounter.plan;
  if (mounter.spec.sysctls.empty()) {
    return;
  }
  plan.describe("can't mount a proc file system for sysctls");
  const Slot proc = plan_new_mount(plan, "proc", "", {});
  for (const auto& [name, value] : mounter.spec.sysctls) {
    plan.describe(fmt::format("can't set the sysctl '{}'", printable(name)));
    const Slot file = plan.new_slot();
    plan.add_open(file, proc, plan.keep(sysctl_path(name)), O_WRONLY,
                  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    plan.add(SYS_write, {file, plan.keep(value), value.size()});
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
  return plan_new_mount(plan, "overlay", "", options);
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
  plan_attributes(plan, root, 0, 0, MS_PRIVATE, true);
  return root;
}

void plan_root_attributes(ContainerPlan& plan, const OciSpec& spec, Slot root) {
  plan.describe("can't set the attributes of the root file system");
  plan_attributes(plan, root, spec.root.read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0, 0, 0,
                  false);
}

// What is left to do for a process that stays outside of the root.
FileSystemPlan plan_outside(Mounter& mounter) {
  ContainerPlan& plan = mounter.plan;
  for (const std::string& path : mounter.options.mount_points) {
    plan.describe(fmt::format("can't make the directory '{}'", printable(path)));
    static_cast<void>(plan_target(plan, mounter.own.root, path, TargetKind::kDirectory));
  }
  plan_root_attributes(plan, mounter.spec, mounter.own.root);
  plan.describe("can't enter the host's root directory");
  plan.add(SYS_chdir, {"/"});
  FileSystemPlan result{plan.new_slot(), {}};
  plan.add(SYS_openat, {AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC}).result = result.root;
  if (mounter.spec.process && mounter.spec.process->terminal) {
    result.terminal = plan_terminal_below(plan, result.root, *mounter.spec.process,
                                          mounter.options.console_socket);
  }
  return result;
}

}  // namespace

Result<FileSystemPlan> plan_file_system(ContainerPlan& plan, const OciSpec& spec,
                                        const LaunchOptions& options) {
  Mounter mounter{plan, spec, options, {plan_root(plan, spec, options), {}, {}}, {}, {}, false};
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    BOTHY_TRY(plan_mount(mounter, i));
  }
  if (options.stays_outside) {
    return plan_outside(mounter);
  }
  plan_sysctls(mounter);
  FileSystemPlan result{mounter.own.root, {}};
  BOTHY_TRY(result.terminal, plan_devices(plan, spec, options, mounter.own.root, mounter.devices));
  for (const auto& [made, place] : mounter.read_only_later) {
    plan.describe(fmt::format("can't make the tmpfs on '{}' read-only", printable(place)));
    plan_attributes(plan, made, MOUNT_ATTR_RDONLY, 0, 0, false);
  }
  plan_hooks_before_pivot(plan, spec.hooks, mounter.own.root);
  if (spec.process) {
    plan_labels(plan, *spec.process);
  }
  plan_read_only_paths(plan, spec.read_only_paths, mounter.own);
  plan_masks(plan, spec.masked_paths, mounter.own);
  plan_root_attributes(plan, spec, mounter.own.root);
  BOTHY_TRY(plan_pivot(plan, mounter.own.root, options.pivot));
  if (spec.root.propagation != 0) {
    plan.describe("can't set the propagation of the root file system");
    plan.add(SYS_mount, {nullptr, "/", nullptr, spec.root.propagation, nullptr});
  }
  return result;
}

}  // namespace bothy::container
