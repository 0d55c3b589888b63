#include "oci/vm_spec.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/units.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

constexpr std::array<std::string_view, 14> kGuestFileSystems{
    "proc",    "sysfs", "devpts",  "devtmpfs",  "mqueue",     "tmpfs",   "cgroup",
    "cgroup2", "bpf",   "debugfs", "hugetlbfs", "securityfs", "tracefs", "binfmt_misc"};

// Where the guest's init has mounted something already.
constexpr std::array<std::string_view, 6> kGuestPlaces{"/proc", "/sys",     "/sys/fs/cgroup",
                                                       "/dev",  "/dev/pts", "/dev/mqueue"};

constexpr std::uint64_t kMaxCpus = 1024;  // of an annotation; a machine's own limit is lower
constexpr std::uint64_t kMebibyte = 1ULL << 20U;

// Threads and processes of the owner, virtiofsd among them.
constexpr std::int64_t kOwnerProcesses = 128;

bool is_below(std::string_view path, std::string_view top) {
  return path.size() > top.size() && path.starts_with(top) && path[top.size()] == '/';
}

bool is_guest_place(std::string_view path) {
  return std::ranges::count(kGuestPlaces, path) != 0;
}

// Nothing of the host is to be seen where the guest's kernel has its own.
bool is_made_inside(const ct::Mount& mount) {
  return is_guest_place(mount.destination) || mount.destination == "/dev/shm" ||
         (!mount.options.is_bind() && std::ranges::count(kGuestFileSystems, mount.type) != 0);
}

std::string guest_mount_options(const ct::MountOptions& options) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 6> kNames{
      {{MOUNT_ATTR_RDONLY, "ro"},
       {MOUNT_ATTR_NOSUID, "nosuid"},
       {MOUNT_ATTR_NODEV, "nodev"},
       {MOUNT_ATTR_NOEXEC, "noexec"},
       {MOUNT_ATTR_NOATIME, "noatime"},
       {MOUNT_ATTR_NODIRATIME, "nodiratime"}}};
  std::string text;
  const auto add = [&text](const std::string& option) {
    text += (text.empty() ? "" : ",") + option;
  };
  for (const auto& [flag, name] : kNames) {
    if ((options.set & flag) == flag) {
      add(name);
    }
  }
  for (const auto& [name, value] : options.parameters) {
    add(value.empty() ? name : fmt::format("{}={}", name, value));
  }
  return text;
}

const std::string* find_annotation(const ct::OciSpec& spec, std::string_view name) {
  const auto found = spec.annotations.find(std::string(name));
  return found == spec.annotations.end() ? nullptr : &found->second;
}

// Whole CPUs that a quota is enough for.
std::optional<std::uint32_t> quota_cpus(const ct::Resources& limits) {
  constexpr std::uint64_t kDefaultPeriod = 100'000;
  const std::uint64_t period = limits.cpu_period.value_or(kDefaultPeriod);
  if (!limits.cpu_quota || *limits.cpu_quota <= 0 || period == 0) {
    return std::nullopt;
  }
  const auto quota = static_cast<std::uint64_t>(*limits.cpu_quota);
  return static_cast<std::uint32_t>((quota + period - 1) / period);
}

Result<std::uint64_t> annotated_cpus(const std::string& text) {
  std::uint64_t cpus = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), cpus);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || cpus == 0) {
    return make_error(ErrorCode::kInvalid, "annotation {}: invalid value '{}': expected a number",
                      kCpusAnnotation, printable(text));
  }
  return cpus;
}

Result<std::uint64_t> annotated_memory(const std::string& text) {
  auto bytes = parse_size(text);
  if (!bytes || bytes.value() == 0) {
    return make_error(ErrorCode::kInvalid,
                      "annotation {}: invalid value '{}': expected bytes, such as 512M",
                      kMemoryAnnotation, printable(text));
  }
  return bytes;
}

// As much more as the owner needs: a limit must not end the machine.
void raise_limits(const ct::MachineSize& size, ct::Resources& limits) {
  raise_process_limit(limits);
  if (!limits.memory || *limits.memory <= 0) {
    return;
  }
  const std::int64_t before = *limits.memory;
  limits.memory = static_cast<std::int64_t>(size.memory.value_or(0)) + kOwnerMemory;
  if (limits.memory_and_swap && *limits.memory_and_swap > 0) {
    *limits.memory_and_swap += *limits.memory - before;
  }
}

}  // namespace

Result<ct::MachineSize> machine_size(const ct::OciSpec& spec) {
  ct::MachineSize size = spec.machine.value_or(ct::MachineSize());
  const ct::Resources& limits = spec.resources;
  if (const std::string* cpus = find_annotation(spec, kCpusAnnotation)) {
    BOTHY_TRY(const std::uint64_t number, annotated_cpus(*cpus));
    size.cpus = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, kMaxCpus));
  } else if (!size.cpus) {
    size.cpus = quota_cpus(limits);
  }
  if (const std::string* memory = find_annotation(spec, kMemoryAnnotation)) {
    BOTHY_TRY(size.memory, annotated_memory(*memory));
  } else if (!size.memory && limits.memory && *limits.memory > 0) {
    size.memory = static_cast<std::uint64_t>(*limits.memory);
  }
  if (size.memory) {
    size.memory = std::max(*size.memory / kMebibyte * kMebibyte, kLeastMemory);
  }
  return size;
}

void raise_process_limit(ct::Resources& limits) {
  if (limits.processes && *limits.processes > 0) {
    *limits.processes += kOwnerProcesses;
  }
}

Result<bool> is_vm(bool by_default, const std::map<std::string, std::string>& annotations) {
  // Those of containerd, and of CRI-O and Podman.
  constexpr std::array kTypes{"io.kubernetes.cri.container-type",
                              "io.kubernetes.cri-o.ContainerType"};
  for (const char* type : kTypes) {
    const auto sandbox = annotations.find(type);
    if (sandbox != annotations.end() && sandbox->second == "sandbox") {
      return false;
    }
  }
  const auto found = annotations.find(std::string(kIsolationAnnotation));
  if (found == annotations.end()) {
    return by_default;
  }
  if (found->second != "vm" && found->second != "container") {
    return make_error(ErrorCode::kInvalid,
                      "annotation {}: invalid value '{}': expected 'vm' or 'container'",
                      kIsolationAnnotation, printable(found->second));
  }
  return found->second == "vm";
}

Result<void> check_vm_spec(const ct::OciSpec& spec) {
  const auto refuse = [](const char* what) -> Result<void> {
    return make_error(ErrorCode::kUnsupported, "{}: not possible in a microVM", what);
  };
  if (spec.find(ct::NamespaceKind::kUser) != nullptr) {
    return refuse("a user namespace");
  }
  if (spec.find(ct::NamespaceKind::kNetwork) == nullptr) {
    return refuse("the host's network");
  }
  if (!spec.hooks.create_container.empty() || !spec.hooks.start_container.empty()) {
    return refuse("hooks createContainer and startContainer");
  }
  return success();
}

Result<ct::OciSpec> owner_spec(const ct::OciSpec& spec, ct::Process process) {
  BOTHY_TRY(const ct::MachineSize size, machine_size(spec));
  ct::OciSpec owner;
  owner.version = spec.version;
  owner.root.path = spec.root.path;
  owner.root.read_only = spec.root.read_only;
  owner.process = std::move(process);
  std::ranges::copy_if(spec.mounts, std::back_inserter(owner.mounts),
                       [](const ct::Mount& mount) { return !is_made_inside(mount); });
  owner.namespaces = {{ct::NamespaceKind::kMount, {}}};
  if (const ct::Namespace* network = spec.find(ct::NamespaceKind::kNetwork)) {
    owner.namespaces.push_back(*network);
  }
  owner.cgroups_path = spec.cgroups_path;
  owner.annotations = spec.annotations;  // some are of the cgroup
  owner.resources = spec.resources;
  raise_limits(size, owner.resources);
  owner.device_rules = spec.device_rules;
  if (!owner.device_rules.empty()) {
    constexpr std::uint32_t kMiscellaneous = 10;
    constexpr std::uint32_t kKvm = 232;
    constexpr std::uint32_t kTun = 200;
    owner.device_rules.push_back({true, 'c', kMiscellaneous, kKvm, true, true, false});
    owner.device_rules.push_back({true, 'c', kMiscellaneous, kTun, true, true, false});
  }
  owner.hooks.prestart = spec.hooks.prestart;
  owner.hooks.create_runtime = spec.hooks.create_runtime;
  return owner;
}

run::SharedRoot shared_root(const ct::OciSpec& spec) {
  run::SharedRoot root;
  root.directory = spec.root.path;
  std::vector<std::string> covering(kGuestPlaces.begin(), kGuestPlaces.end());
  for (const ct::Mount& mount : spec.mounts) {
    const std::string& place = mount.destination;
    if (!is_made_inside(mount)) {
      const bool is_covered = std::ranges::any_of(
          covering, [&](const std::string& top) { return is_below(place, top); });
      if (is_covered) {
        root.mounts.push_back({"virtiofs", run::SharedRoot::kTag + place, place, ""});
      }
    } else if (!is_guest_place(place) && !mount.options.is_bind() && !mount.options.remount) {
      root.mounts.push_back({mount.type, mount.type, place, guest_mount_options(mount.options)});
      covering.push_back(place);
    }
  }
  return root;
}

std::vector<std::string> guest_mount_points(const ct::OciSpec& spec) {
  std::vector<std::string> points{"/proc", "/sys", "/dev"};
  for (const run::GuestMount& mount : shared_root(spec).mounts) {
    const auto covers = [&](const std::string& point) { return is_below(mount.target, point); };
    if (mount.type != "virtiofs" && std::ranges::none_of(points, covers)) {
      points.push_back(mount.target);
    }
  }
  return points;
}

run::ProcessSpec guest_process(const ct::Process& process) {
  run::ProcessSpec guest;
  guest.arguments = process.arguments;
  guest.environment = process.environment;
  guest.directory = process.directory;
  guest.user = fmt::format("{}:{}", process.user, process.group);
  for (const std::uint32_t group : process.additional_groups) {
    guest.groups.push_back(std::to_string(group));
  }
  guest.interactive = true;
  guest.terminal = process.terminal;
  if (process.columns != 0 && process.rows != 0) {
    guest.columns = process.columns;
    guest.rows = process.rows;
  }
  return guest;
}

Result<run::RunOptions> guest_options(const ct::OciSpec& spec) {
  BOTHY_TRY(const ct::MachineSize size, machine_size(spec));
  run::RunOptions options;
  if (size.cpus) {
    options.millicpus = std::uint64_t{*size.cpus} * 1000;
  }
  options.memory = size.memory;
  options.hostname = spec.hostname;
  options.network = run::Network::kNone;
  if (spec.resources.processes && *spec.resources.processes > 0) {
    options.processes = static_cast<std::uint64_t>(*spec.resources.processes);
  }
  for (const ct::Rlimit& limit : spec.process->rlimits) {
    options.rlimits.push_back({limit.resource, limit.soft, limit.hard});
  }
  return options;
}

}  // namespace bothy::oci
