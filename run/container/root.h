// The root file system of a container: an overlay of the image's files and what the container
// writes.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/launcher.h"
#include "image/import/tree_builder.h"
#include "run/container/image_mount.h"

namespace bothy::run {

struct RootOptions {
  // A file with an ext4 (scratch_disk.h) that holds what the container writes; empty: memory.
  std::string scratch;
  // A user namespace whose ids own the image's files: the container's own, or one with the same
  // mappings. -1: the image's ids are the host's.
  int user_namespace = -1;
};

// One of root's containers: a detached mount. What it needs goes away with it; the file in
// `scratch` belongs to the caller. The root is writable: mount points are yet to be made in it.
// kUnsupported, naming --userns, where the ids can't be mapped.
[[nodiscard]] Result<UniqueFd> make_root(const ImageMount& image, const RootOptions& options);

// An ordinary user's container: what its first process mounts. `directory` is the instance's data
// directory, where what the container writes is kept; `user_namespace` the container's own, or one
// with the same mappings. kUnsupported, with the remedy, for a file system that overlays can't have
// there.
[[nodiscard]] Result<container::OverlayRoot> make_user_root(const image::Tree& tree,
                                                            const std::string& directory,
                                                            int user_namespace);

}  // namespace bothy::run
