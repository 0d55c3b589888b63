// DeviceRule: a rule of a container's device filter (config-linux.md, Allowed Device list).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bothy::container {

struct DeviceRule {
  bool allow = false;
  char type = 'a';                          // 'c', 'b', or 'a' for both
  std::optional<std::uint32_t> major = {};  // nothing: any
  std::optional<std::uint32_t> minor = {};  // likewise
  bool read = false;
  bool write = false;
  bool make = false;  // mknod(2)
};

// What every container may use, whatever its other rules: to make device nodes, as far as its
// capabilities let it, since a node can't be opened without a rule of its own; the default devices
// (config-linux.md, Default Devices) and terminals.
[[nodiscard]] std::vector<DeviceRule> default_device_rules();

}  // namespace bothy::container
