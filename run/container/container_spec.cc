#include "run/container/container_spec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/files.h"
#include "run/container/device_rules.h"
#include "run/mount_order.h"

namespace bothy::run {
namespace {

using container::Mount;
using container::Namespace;
using container::NamespaceKind;

// As runc, Docker and Podman have them: what of the host's kernel a container neither needs nor is
// to see, or may see and not change.
constexpr std::array kMaskedPaths{
    "/proc/acpi",       "/proc/asound",        "/proc/interrupts",  "/proc/kcore",
    "/proc/keys",       "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats",   "/sys/firmware",     "/sys/devices/virtual/powercap",
};
constexpr std::array kReadOnlyPaths{
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

constexpr std::uint32_t kTerminalGroup = 5;    // tty, of Linux distributions
constexpr std::uint64_t kCpuPeriod = 100'000;  // microseconds

class MountList {
 public:
  Result<void> add(std::string type, std::string source, std::string destination,
                   std::vector<std::string> options) {
    Mount mount;
    mount.type = std::move(type);
    mount.source = std::move(source);
    mount.destination = std::move(destination);
    auto parsed = container::parse_mount_options(options);
    if (!parsed) {
      return make_error(parsed.error().code, "mount on '{}': {}", printable(mount.destination),
                        parsed.error().context);
    }
    mount.options = std::move(parsed).value();
    mounts_.push_back(std::move(mount));
    return success();
  }
  Result<void> add_file_system(const char* type, const char* destination,
                               std::vector<std::string> options) {
    return add(type, type, destination, std::move(options));
  }
  void append(MountList other) { std::ranges::move(other.mounts_, std::back_inserter(mounts_)); }
  void sort() {
    std::ranges::stable_sort(mounts_, {},
                             [](const Mount& mount) { return path_depth(mount.destination); });
  }
  [[nodiscard]] std::vector<Mount> take() { return std::move(mounts_); }

 private:
  std::vector<Mount> mounts_;
};

// sysfs shows the devices of a network namespace, and is mounted by those who own that (sysfs(5)).
bool owns_network(const RunOptions& options) noexcept {
  return options.network == Network::kUser || options.network == Network::kNone;
}

Result<void> add_sys(MountList& mounts, const RunOptions& options, const SpecParts& parts) {
  const std::string mode = parts.flags.privileged ? "rw" : "ro";
  if (parts.mappings.empty() || owns_network(options)) {
    return mounts.add_file_system("sysfs", "/sys", {"nosuid", "noexec", "nodev", mode});
  }
  return mounts.add("bind", "/sys", "/sys", {"rbind", "nosuid", "noexec", "nodev", "r" + mode});
}

Result<void> add_devpts(MountList& mounts, const SpecParts& parts) {
  std::vector<std::string> options{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (parts.mappings.empty() || host_id(parts.mappings.groups, kTerminalGroup)) {
    options.push_back(fmt::format("gid={}", kTerminalGroup));
  }
  return mounts.add_file_system("devpts", "/dev/pts", std::move(options));
}

// config-linux.md, Default Filesystems, and what Docker adds to them.
Result<void> add_defaults(MountList& mounts, const RunOptions& options, const SpecParts& parts) {
  BOTHY_TRY(mounts.add_file_system("proc", "/proc", {"nosuid", "noexec", "nodev"}));
  BOTHY_TRY(mounts.add_file_system("tmpfs", "/dev",
                                   {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  BOTHY_TRY(add_devpts(mounts, parts));
  BOTHY_TRY(mounts.add_file_system(
      "tmpfs", "/dev/shm",
      {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}", parts.flags.shm_size)}));
  BOTHY_TRY(mounts.add_file_system("mqueue", "/dev/mqueue", {"nosuid", "noexec", "nodev"}));
  BOTHY_TRY(add_sys(mounts, options, parts));
  return mounts.add_file_system(
      "cgroup", "/sys/fs/cgroup",
      {"nosuid", "noexec", "nodev", parts.flags.privileged ? "rw" : "ro"});
}

Result<void> add_etc_files(MountList& mounts, const RunOptions& options, const SpecParts& parts) {
  for (const char* name : {"hosts", "hostname", "resolv.conf"}) {
    if (parts.has_resolv_conf || std::string_view(name) != "resolv.conf") {
      BOTHY_TRY(mounts.add("bind", parts.files + "/" + name, std::string("/etc/") + name,
                           {"bind", "nosuid", "noexec", "nodev", options.read_only ? "ro" : "rw"}));
    }
  }
  return success();
}

std::vector<std::string> split_options(std::string_view text) {
  std::vector<std::string> options;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    if (end > 0) {
      options.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return options;
}

Result<void> add_wanted(MountList& mounts, const RunOptions& options, const SpecParts& parts) {
  MountList wanted;
  for (const TmpfsMount& mount : options.tmpfs) {
    std::vector<std::string> all = split_options(mount.options);
    // The mode, unless an option says another: as in a microVM, whatever the image has there.
    all.insert(all.begin(), {"nosuid", "nodev", "mode=1777"});
    BOTHY_TRY(wanted.add("tmpfs", "tmpfs", mount.target, std::move(all)));
  }
  for (const Volume& volume : options.volumes) {
    std::vector<std::string> all{volume.file ? "bind" : "rbind"};
    if (volume.read_only) {
      all.emplace_back("rro");
    }
    if (parts.is_root && !parts.mappings.empty()) {
      all.emplace_back(volume.file ? "idmap" : "ridmap");
    }
    BOTHY_TRY(wanted.add("bind", volume.source, volume.target, std::move(all)));
  }
  wanted.sort();
  mounts.append(std::move(wanted));
  return success();
}

std::vector<Namespace> namespaces(const RunOptions& options, const SpecParts& parts) {
  std::vector<Namespace> all;
  for (const NamespaceKind kind : {NamespaceKind::kMount, NamespaceKind::kPid, NamespaceKind::kIpc,
                                   NamespaceKind::kUts, NamespaceKind::kCgroup}) {
    all.push_back({kind, {}});
  }
  if (options.network != Network::kHost) {
    all.push_back({NamespaceKind::kNetwork,
                   options.network == Network::kNamespace ? options.network_name : std::string()});
  }
  if (!parts.mappings.empty()) {
    all.push_back({NamespaceKind::kUser, {}});
  }
  return all;
}

container::Resources resources(const RunOptions& options, const SpecParts& parts) {
  container::Resources limits = parts.device_limits;
  if (options.memory) {
    limits.memory = static_cast<std::int64_t>(*options.memory);
  }
  if (options.millicpus) {
    limits.cpu_period = kCpuPeriod;
    limits.cpu_quota = static_cast<std::int64_t>(*options.millicpus * kCpuPeriod / 1000);
  }
  if (options.processes) {
    limits.processes = static_cast<std::int64_t>(*options.processes);
  }
  return limits;
}

std::vector<container::Device> devices(const SpecParts& parts) {
  std::vector<container::Device> all;
  for (const HostDevice& device : parts.devices) {
    container::Device made;
    made.path = device.container;
    made.host_path = device.host;
    made.type = device.type;
    made.major = device.major;
    made.minor = device.minor;
    made.mode = device.mode;
    all.push_back(std::move(made));
  }
  return all;
}

bool has_variable(const std::vector<std::string>& environment, std::string_view name_and_equals) {
  return std::ranges::any_of(environment, [&](const std::string& variable) {
    return variable.starts_with(name_and_equals);
  });
}

}  // namespace

std::optional<std::uint32_t> host_id(const std::vector<container::IdMapping>& mappings,
                                     std::uint32_t id) {
  for (const container::IdMapping& range : mappings) {
    if (id >= range.container && id - range.container < range.size) {
      return range.host + (id - range.container);
    }
  }
  return std::nullopt;
}

Result<container::Capabilities> container_capabilities(const ContainerFlags& flags) {
  // All that there are in a user namespace of its own; the host may have fewer for bothy itself.
  const container::Capabilities all = flags.user_namespace == UserNamespace::kHost
                                          ? container::own_capabilities()
                                          : container::all_capabilities();
  if (flags.privileged) {
    return all;
  }
  return container::change_capabilities(container::default_capabilities(), flags.added_capabilities,
                                        flags.dropped_capabilities, all);
}

Result<std::optional<container::SeccompProfile>> container_seccomp(const SpecParts& parts) {
  if (parts.flags.privileged || parts.flags.seccomp == kUnconfined) {
    return std::optional<container::SeccompProfile>();
  }
  if (parts.seccomp) {
    return parts.seccomp;
  }
  BOTHY_TRY(const auto capabilities, container_capabilities(parts.flags));
  return std::optional(container::default_seccomp_profile(capabilities));
}

Result<container::OciSpec> container_spec(const RunOptions& options, const SpecParts& parts) {
  container::OciSpec spec;
  spec.version = "1.2.0";
  spec.hostname = options.hostname;
  spec.root.read_only = options.read_only;
  spec.namespaces = namespaces(options, parts);
  spec.mappings = parts.mappings;
  spec.resources = resources(options, parts);
  spec.devices = devices(parts);
  if (parts.is_root) {
    spec.device_rules = device_rules(parts.flags.privileged, parts.devices);
  }
  MountList mounts;
  BOTHY_TRY(add_defaults(mounts, options, parts));
  BOTHY_TRY(add_etc_files(mounts, options, parts));
  BOTHY_TRY(add_wanted(mounts, options, parts));
  spec.mounts = mounts.take();
  if (!parts.flags.privileged && !parts.flags.unmasked) {
    spec.masked_paths.assign(kMaskedPaths.begin(), kMaskedPaths.end());
    spec.read_only_paths.assign(kReadOnlyPaths.begin(), kReadOnlyPaths.end());
  }
  spec.sysctls = parts.flags.sysctls;
  spec.mount_label = parts.flags.label;
  return spec;
}

Result<container::Process> container_process(const ProcessSpec& process, const RunOptions& options,
                                             const ContainerFlags& flags,
                                             const container::UserIds& user) {
  container::Process made;
  made.arguments = process.arguments;
  made.environment = process.environment;
  if (!has_variable(made.environment, "HOME=")) {
    made.environment.push_back("HOME=" + user.home);
  }
  made.directory = process.directory;
  made.terminal = process.terminal;
  made.columns = process.columns;
  made.rows = process.rows;
  made.user = user.user;
  made.group = user.group;
  made.additional_groups = user.groups;
  BOTHY_TRY(const auto capabilities, container_capabilities(flags));
  // As Docker: none is inheritable or ambient, so that a user other than root has none of them
  // after the command's execve(2).
  made.capabilities = container::CapabilitySets{capabilities, capabilities, 0, capabilities, 0};
  for (const Rlimit& limit : options.rlimits) {
    made.rlimits.push_back({limit.resource, limit.soft, limit.hard});
  }
  made.no_new_privileges = flags.no_new_privileges;
  made.apparmor_profile = flags.apparmor;
  made.selinux_label = flags.label;
  return made;
}

}  // namespace bothy::run
