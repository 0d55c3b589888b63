// OciSpec: a container as the OCI runtime specification describes it (config.json, config-linux.md,
// version 1.2), parsed and typed. Nothing here looks at the host: a spec says what is wanted, a
// ContainerPlan how it is done.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id_mapping.h"
#include "base/result.h"
#include "container/capabilities.h"
#include "container/device_rule.h"
#include "container/mount_options.h"
#include "container/resources.h"
#include "container/seccomp.h"

namespace bothy::container {

enum class NamespaceKind : std::uint8_t {
  kUser,
  kMount,
  kPid,
  kNetwork,
  kIpc,
  kUts,
  kCgroup,
  kTime,
};
inline constexpr std::size_t kNamespaceKinds = 8;

// A namespace that the container doesn't share with bothy.
struct Namespace {
  NamespaceKind kind = NamespaceKind::kMount;
  std::string path;  // to be joined; empty: a new one
};

using bothy::IdMapping;
using bothy::IdMappings;

struct Mount {
  std::string destination;  // an absolute path in the container
  std::string type;         // of the file system; "bind" or empty for a bind mount
  std::string source;
  MountOptions options;
  IdMappings mappings;  // of an idmapped mount; empty: the container's
};

struct Device {
  std::string path;  // an absolute path in the container
  char type = 'c';   // 'c', 'b', 'p'
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t mode = 0666;
  std::uint32_t user = 0;  // ids in the container
  std::uint32_t group = 0;
  // Where a user namespace keeps it from being made: a detached mount of it, or a path of the host.
  int node = -1;          // -1: none
  std::string host_path;  // empty: the same path
};

struct Rlimit {
  std::uint32_t resource = 0;  // RLIMIT_*, by rlimit_name()
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

struct Scheduler {
  std::uint32_t policy = 0;  // SCHED_*
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t flags = 0;  // SCHED_FLAG_*
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

struct IoPriority {
  std::uint32_t io_class = 0;  // IOPRIO_CLASS_*
  std::uint32_t priority = 0;  // 0 to 7
};

struct Process {
  std::vector<std::string> arguments;    // at least one
  std::vector<std::string> environment;  // NAME=value
  std::string directory = "/";
  bool terminal = false;
  std::uint16_t columns = 0;  // of the terminal; 0: the kernel's default
  std::uint16_t rows = 0;
  std::uint32_t user = 0;  // ids in the container
  std::uint32_t group = 0;
  std::vector<std::uint32_t> additional_groups;
  std::optional<std::uint32_t> umask;
  std::optional<CapabilitySets> capabilities;  // nothing: as root has them without a spec: none
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<std::int32_t> oom_score_adj;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
};

struct Hook {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::uint32_t timeout = 0;  // seconds; 0: none
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

struct TimeOffset {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

// MS_SHARED and the like without MS_REC; 0 leaves the default, a slave of the host.
struct Root {
  std::string path;
  bool read_only = false;
  unsigned long propagation = 0;
};

// What a config.json asks of a virtual machine (config-vm.md, the member "vm").
struct MachineSize {
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint64_t> memory;  // bytes
};

struct OciSpec {
  std::string version;  // "1.0.0" to "1.2.x"
  std::string hostname;
  std::string domain_name;
  Root root;
  // Absent: `create` and `start` without a process are refused.
  std::optional<Process> process;
  std::vector<Mount> mounts;
  std::vector<Namespace> namespaces;
  IdMappings mappings;
  std::optional<TimeOffset> monotonic_offset;
  std::optional<TimeOffset> boot_offset;
  std::vector<Device> devices;
  std::string cgroups_path;
  Resources resources;
  std::vector<DeviceRule> device_rules;  // in order; a later one wins
  std::optional<SeccompProfile> seccomp;
  std::vector<std::string> masked_paths;
  std::vector<std::string> read_only_paths;
  std::string mount_label;  // SELinux
  std::vector<std::pair<std::string, std::string>> sysctls;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  std::optional<MachineSize> machine;  // none in a container

  [[nodiscard]] const Namespace* find(NamespaceKind kind) const noexcept;
};

[[nodiscard]] std::string_view to_string(NamespaceKind kind) noexcept;
// "RLIMIT_NOFILE"; of a number that a spec can have.
[[nodiscard]] std::string_view rlimit_name(std::uint32_t resource) noexcept;
// The CLONE_NEW* flag.
[[nodiscard]] std::uint64_t clone_flag(NamespaceKind kind) noexcept;

// The size of a config.json that is read.
inline constexpr std::uint64_t kMaxSpecSize = 4U << 20U;

// Parses a config.json. kBadInput names the member and what is wrong with it ("process.cwd:
// expected an absolute path"). Members that bothy doesn't know are ignored, as the specification
// asks (config.md, Extensibility), unless they would weaken what the spec asks for: an unknown
// namespace, capability, seccomp action, or a controller that bothy doesn't set is an error.
// Strings have no NUL in them.
[[nodiscard]] Result<OciSpec> parse_spec(std::string_view json);
// A process.json of `exec`: the same as the member "process".
[[nodiscard]] Result<Process> parse_process(std::string_view json);
// What `update` gets: the same as the member "linux.resources". Its device rules are left out, as
// every runtime does: engines send those of the config.json again.
[[nodiscard]] Result<Resources> parse_resources(std::string_view json);

}  // namespace bothy::container
