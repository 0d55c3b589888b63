// DeviceRule: a rule of a container's device filter (config-linux.md, Allowed Device list).
#pragma once

#include <cstdint>
#include <optional>

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

}  // namespace bothy::container
