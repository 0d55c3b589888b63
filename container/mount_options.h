// MountOptions: the options of a mount as mount(8) and the OCI runtime specification write them
// (config.md, Linux mount options), sorted by what they are for.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bothy::container {

struct MountOptions {
  // MOUNT_ATTR_* to be set and cleared (mount_setattr(2)), of the mount alone and of all below it.
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  std::uint64_t recursive_set = 0;
  std::uint64_t recursive_clear = 0;
  // MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, each alone or with MS_REC, in order.
  std::vector<unsigned long> propagation;
  bool bind = false;
  bool recursive_bind = false;  // rbind
  bool remount = false;         // the mount at the destination is changed, none is made
  bool idmap = false;
  bool recursive_idmap = false;  // ridmap
  bool copy_up = false;          // tmpcopyup: a tmpfs begins with the files that it covers
  bool read_only_super = false;  // ro: of a file system that is made, not bound
  // Parameters of the file system, for fsconfig(2): "size" and "64m"; a flag has no value. A bind
  // mount has none but flags like "sync", which don't affect it (mount(2)).
  std::vector<std::pair<std::string, std::string>> parameters;

  [[nodiscard]] bool is_bind() const noexcept { return bind || recursive_bind; }
};

// Each option is one word, or several separated by commas; of those that contradict, the last one
// applies. kInvalid for an option with a NUL in it, an empty one, idmap together with ridmap, and a
// parameter of a bind mount.
[[nodiscard]] Result<MountOptions> parse_mount_options(const std::vector<std::string>& options);

// The options without a value that bothy knows, sorted.
[[nodiscard]] std::vector<std::string> mount_option_names();

}  // namespace bothy::container
