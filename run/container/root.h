// make_root(): the root file system of one of root's containers.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "run/container/image_mount.h"

namespace bothy::run {

struct RootOptions {
  // A file with an ext4 (scratch_disk.h) that holds what the container writes; empty: memory.
  std::string scratch;
  // A user namespace whose ids own the image's files: the container's own, or one with the same
  // mappings. -1: the image's ids are the host's.
  int user_namespace = -1;
};

// An overlay of the image's files and what the container writes, as a detached mount. What it needs
// goes away with it; the file in `scratch` belongs to the caller. The root is writable: mount
// points are yet to be made in it. kUnsupported, naming --userns, where the ids can't be mapped.
[[nodiscard]] Result<UniqueFd> make_root(const ImageMount& image, const RootOptions& options);

}  // namespace bothy::run
