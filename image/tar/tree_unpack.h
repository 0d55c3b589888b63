// unpack_tree(): unpacks a tar archive into a directory of the host.
#pragma once

#include <string>

#include "base/result.h"
#include "image/tar/reader.h"

namespace bothy::image {

struct UnpackForm {
  // Replaces the first part of each name in the archive; empty: that part is removed, and entries
  // go into the directory itself.
  std::string name;
  // Restore owners, set-user-ID and set-group-ID bits; otherwise the caller owns all files.
  bool owners = false;
};

// Unpacks `first`, the entry that next() returned last, and all that follow into `directory`, a
// descriptor of one, with modes and times. The archive may be hostile: nothing outside of the
// directory is made, written or changed, not even through a link that existed before. Files and
// links replace anything but a directory; an existing directory keeps its attributes and entries.
// Refused: "..", devices, hard links, files with holes, and entries in a directory that the archive
// doesn't contain. Files made before an error stay.
[[nodiscard]] Result<void> unpack_tree(TarReader& archive, const TarEntry& first, int directory,
                                       const UnpackForm& form);

}  // namespace bothy::image
