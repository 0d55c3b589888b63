#include "container/plan_devices.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/user_namespace.h"
#include "container/plan_mounts.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

const std::array<Device, 6>& default_devices() {
  static const std::array<Device, 6> kDevices{{{"/dev/null", 'c', 1, 3, 0666, 0, 0, -1, {}},
                                               {"/dev/zero", 'c', 1, 5, 0666, 0, 0, -1, {}},
                                               {"/dev/full", 'c', 1, 7, 0666, 0, 0, -1, {}},
                                               {"/dev/random", 'c', 1, 8, 0666, 0, 0, -1, {}},
                                               {"/dev/urandom", 'c', 1, 9, 0666, 0, 0, -1, {}},
                                               {"/dev/tty", 'c', 5, 0, 0666, 0, 0, -1, {}}}};
  return kDevices;
}

struct Maker {
  ContainerPlan& plan;
  Slot root;
  DevicePlaces places;
  bool can_make = false;  // mknod(2) makes devices: not in a user namespace
};

// The directory of `path`, and the name in it.
std::pair<Slot, Kept> plan_parent(Maker& maker, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = path.substr(0, slash);
  const Kept name = maker.plan.keep(path.substr(slash + 1));
  if (directory == "/dev" && maker.places.directory.index >= 0) {
    return {maker.places.directory, name};
  }
  return {plan_target(maker.plan, maker.root, directory, TargetKind::kDirectory), name};
}

// Attaches `tree` to a file of its own in `directory`.
void plan_cover(ContainerPlan& plan, Slot directory, Kept name, Slot tree) {
  const Slot target = plan.new_slot();
  plan.add(SYS_mknodat, {directory, name, S_IFREG | 0666, 0}).tolerated[0] = {EEXIST};
  plan.add_open(target, directory, name, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  plan.add(SYS_move_mount, {tree, "", target, "", kMoveByDescriptors});
}

mode_t type_of(const Device& device) {
  switch (device.type) {
    case 'b':
      return S_IFBLK;
    case 'p':
      return S_IFIFO;
    default:
      return S_IFCHR;
  }
}

// Another file in a device's place: an error where the configuration asks for the device
// (config-linux.md, Devices), and what an image has instead of a default one stays.
enum class Existing { kMustMatch, kStays };

// In a user namespace a device is a node that was made before, or the host's own.
void plan_device(Maker& maker, const Device& device, Existing existing) {
  ContainerPlan& plan = maker.plan;
  plan.describe(fmt::format("can't make the device '{}'", printable(device.path)));
  const auto [directory, name] = plan_parent(maker, device.path);
  if (!maker.can_make && device.type != 'p') {
    const Slot tree = plan.new_slot(device.node);
    const std::string& source = device.host_path.empty() ? device.path : device.host_path;
    if (device.node < 0) {
      plan.add(SYS_open_tree, {AT_FDCWD, plan.keep(source), kCloneTree}).result = tree;
    }
    return plan_cover(plan, directory, name, tree);
  }
  const mode_t type = type_of(device);
  const dev_t number = ::makedev(device.major, device.minor);
  Call& make = plan.add(SYS_mknodat, {directory, name, type | device.mode, number});
  make.tolerated[0] = {EEXIST};
  if (existing == Existing::kMustMatch) {
    make.success_skips = 1;
    plan.add(kCheckDevice, {directory, name, type, number});
  }
  if (device.user != 0 || device.group != 0) {
    plan.add(SYS_fchownat, {directory, name, device.user, device.group, AT_SYMLINK_NOFOLLOW});
  }
}

void plan_links(Maker& maker) {
  constexpr std::array<std::pair<const char*, const char*>, 5> kLinks{{
      {"/proc/self/fd", "fd"},
      {"/proc/self/fd/0", "stdin"},
      {"/proc/self/fd/1", "stdout"},
      {"/proc/self/fd/2", "stderr"},
      {"pts/ptmx", "ptmx"},
  }};
  maker.plan.describe("can't make the links of /dev");
  const Slot directory = plan_parent(maker, "/dev/fd").first;
  for (const auto& [target, name] : kLinks) {
    maker.plan.add(SYS_symlinkat, {target, directory, name}).tolerated[0] = {EEXIST};
  }
}

// The terminal is opened by descriptors of the container's own devpts, which no name in the root
// can replace (CVE-2025-52565).
Result<Slot> plan_terminal(Maker& maker, const Process& process, const LaunchOptions& options) {
  ContainerPlan& plan = maker.plan;
  if (maker.places.terminals.index < 0) {
    return make_error(ErrorCode::kInvalid,
                      "a terminal needs a mount of type devpts on /dev/pts, and there is none");
  }
  const Slot terminal =
      plan_new_terminal(plan, maker.places.terminals, process, options.console_socket);
  const Slot tree = plan.new_slot();
  plan.describe("can't make /dev/console");
  plan.add(SYS_open_tree, {terminal, "", kCloneTree | AT_EMPTY_PATH}).result = tree;
  const auto [directory, name] = plan_parent(maker, "/dev/console");
  plan_cover(plan, directory, name, tree);
  return terminal;
}

}  // namespace

Slot plan_new_terminal(ContainerPlan& plan, Slot terminals, const Process& process,
                       int console_socket) {
  const Slot master = plan.new_slot();
  const Slot terminal = plan.new_slot();
  plan.describe("can't make a terminal");
  plan.add_open(master, terminals, "ptmx", O_RDWR | O_NOCTTY,
                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  plan.add(SYS_ioctl, {master, TIOCSPTLCK, plan.keep(0)});
  plan.add(SYS_ioctl, {master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC}).result = terminal;
  if (process.columns != 0 && process.rows != 0) {
    const winsize size{process.rows, process.columns, 0, 0};
    plan.add(SYS_ioctl, {terminal, TIOCSWINSZ, plan.keep(size)});
  }
  if (process.user != 0) {
    plan.add(SYS_fchown, {terminal, process.user, -1});
  }
  plan.add(kSendTerminal,
           {plan.new_slot(console_socket >= 0 ? console_socket : plan.report), master});
  plan.add(SYS_close, {master});
  return terminal;
}

Slot plan_terminal_below(ContainerPlan& plan, Slot root, const Process& process,
                         int console_socket) {
  plan.describe("can't open /dev/pts");
  const Slot terminals = plan.new_slot();
  plan.add_open(terminals, root, "dev/pts", O_PATH | O_DIRECTORY,
                RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  return plan_new_terminal(plan, terminals, process, console_socket);
}

Result<Slot> plan_devices(ContainerPlan& plan, const OciSpec& spec, const LaunchOptions& options,
                          Slot root, const DevicePlaces& places) {
  const bool can_make = spec.find(NamespaceKind::kUser) == nullptr && in_initial_user_namespace();
  Maker maker{plan, root, places, can_make};
  if (!places.is_bound) {
    for (const Device& device : default_devices()) {
      if (std::ranges::count(spec.devices, device.path, &Device::path) == 0) {
        plan_device(maker, device, Existing::kStays);
      }
    }
    for (const Device& device : spec.devices) {
      plan_device(maker, device, Existing::kMustMatch);
    }
    plan_links(maker);
  }
  if (!spec.process || !spec.process->terminal) {
    return Slot{};
  }
  return plan_terminal(maker, *spec.process, options);
}

}  // namespace bothy::container
