// Lines of /proc/PID/mountinfo (proc(5)).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bothy::container {

struct MountInfo {
  std::string root;   // within the file system
  std::string point;  // where it is mounted
  std::string type;
  std::vector<std::string> options;  // of the file system
};

// Nothing for a line that isn't one of mountinfo.
[[nodiscard]] std::optional<MountInfo> parse_mount_info(std::string_view line);

}  // namespace bothy::container
