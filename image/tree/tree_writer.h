// write_tree(): an image's files as a directory of this host, for containers of ordinary users.
#pragma once

#include <cstddef>

#include "base/id_mapping.h"
#include "base/result.h"
#include "image/tar/file_tree.h"

namespace bothy::image {

// Of directories in each other: a descriptor of each is open.
inline constexpr int kMaxTreeDepth = 256;

// Makes the files of `tree` in an empty directory, for a process in a user namespace with
// `mappings` and all capabilities there. `content` is the directory of ContentFiles, on the same
// file system; files stay there as well. Owners are the image's; where one isn't mapped: nobody
// (65534), or the first id that is mapped. Attributes that the file system or the user namespace
// doesn't have are left out, and so are devices, and user.overlay.*, which an overlay would
// interpret. kBadInput for directories deeper than kMaxTreeDepth.
[[nodiscard]] Result<void> write_tree(const FileTree& tree, int content, int directory,
                                      const IdMappings& mappings);

// The id of a namespace with these mappings that files of the image's user or group `id` get.
[[nodiscard]] std::uint32_t mapped_owner(const std::vector<IdMapping>& mappings, std::uint32_t id);

}  // namespace bothy::image
