// The OciSpec of an instance: what containers get by default, as Docker and Podman have it, and
// what the options change. Looks at no file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "container/spec.h"
#include "container/users.h"
#include "run/container/container_flags.h"
#include "run/run_options.h"
#include "run/run_spec.h"

namespace bothy::run {

// A device of the host that a container gets.
struct HostDevice {
  std::string host;       // its path on the host
  std::string container;  // and in the container
  char type = 'c';
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t mode = 0666;
  DeviceFlag flag;  // which accesses are allowed
};

// What has been found out for one instance.
struct SpecParts {
  ContainerFlags flags;
  container::IdMappings mappings;  // none: no user namespace
  bool is_root = true;             // bothy runs as root: it may map mounts and filter devices
  std::vector<HostDevice> devices;
  container::Resources device_limits;                // of block devices alone
  std::optional<container::SeccompProfile> seccomp;  // of a file
  std::string files;  // the directory of `hosts`, `hostname` and `resolv.conf` (etc_files.h)
  bool has_resolv_conf = false;
};

// The spec without a process. The sources of bind mounts are paths of the host.
[[nodiscard]] Result<container::OciSpec> container_spec(const RunOptions& options,
                                                        const SpecParts& parts);

// A process of the container, the first one or a further one. `user` is that of process.user.
[[nodiscard]] Result<container::Process> container_process(const ProcessSpec& process,
                                                           const RunOptions& options,
                                                           const ContainerFlags& flags,
                                                           const container::UserIds& user);

// The capabilities that its processes may have.
[[nodiscard]] Result<container::Capabilities> container_capabilities(const ContainerFlags& flags);

// Nothing for --security-opt seccomp=unconfined and --privileged.
[[nodiscard]] Result<std::optional<container::SeccompProfile>> container_seccomp(
    const SpecParts& parts);

// The id on the host that an id of the container stands for. Nothing for one that isn't mapped.
[[nodiscard]] std::optional<std::uint32_t> host_id(
    const std::vector<container::IdMapping>& mappings, std::uint32_t id);

}  // namespace bothy::run
