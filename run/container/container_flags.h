// ContainerFlags: the flags of `bothy run` that only containers have, parsed. Looks at no file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "run/isolation.h"
#include "run/run_options.h"

namespace bothy::run {

// The ids of a container's processes on the host.
enum class UserNamespace : std::uint8_t {
  kAuto,    // a range of its own
  kHost,    // the same ids: root in the container is root of the host
  kKeepId,  // a range of its own, in which the user who runs bothy keeps their id
};

struct DeviceFlag {
  std::string host;       // an absolute path
  std::string container;  // likewise
  bool read = true;
  bool write = true;
  bool make = true;  // mknod(2)
};

struct ContainerFlags {
  std::vector<std::string> added_capabilities;
  std::vector<std::string> dropped_capabilities;
  std::vector<DeviceFlag> devices;
  std::vector<std::pair<std::string, std::string>> sysctls;
  UserNamespace user_namespace = UserNamespace::kAuto;
  std::uint64_t shm_size = 64ULL << 20U;  // bytes
  bool privileged = false;
  // Of --security-opt.
  bool no_new_privileges = false;
  bool unmasked = false;               // systempaths=unconfined
  std::optional<std::string> seccomp;  // a path, or "unconfined"; nothing: bothy's own profile
  std::string apparmor;                // empty: none
  std::string label;                   // of SELinux; empty: none
};

// Of device_limits.h.
inline constexpr std::string_view kDeviceReadBps = "--device-read-bps";
inline constexpr std::string_view kDeviceWriteBps = "--device-write-bps";
inline constexpr std::string_view kDeviceReadIops = "--device-read-iops";
inline constexpr std::string_view kDeviceWriteIops = "--device-write-iops";

inline constexpr std::string_view kUnconfined = "unconfined";

// For IsolationKind::flags.
[[nodiscard]] std::span<const IsolationFlag> container_flags() noexcept;

// kInvalid, with the flag's name, for a value that isn't one.
[[nodiscard]] Result<ContainerFlags> parse_container_flags(const RunOptions& options);

}  // namespace bothy::run
