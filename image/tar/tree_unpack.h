// unpack_tree(): a tar archive as files of the host.
#pragma once

#include <string>

#include "base/result.h"
#include "image/tar/reader.h"

namespace bothy::image {

struct UnpackForm {
  // What becomes of the first part of each name in the archive, whatever that is: this name in the
  // directory; empty: the directory itself.
  std::string name;
  // Owners, set-user-ID and set-group-ID bits as the archive has them; without, all is the
  // caller's.
  bool owners = false;
};

// Makes what the archive holds below `directory`, a descriptor of one: `first`, which next() has
// given, and all that follows, with modes and times. The archive may be of an enemy: nothing is
// made, written or changed outside of the directory, through no link, not even one that was there
// before. Files and links replace what isn't a directory; a directory that is there stays as it is,
// with more in it. Refused: "..", devices, hard links, files with holes, and what lies in a
// directory that the archive didn't name. What was made before an error stays.
[[nodiscard]] Result<void> unpack_tree(TarReader& archive, const TarEntry& first, int directory,
                                       const UnpackForm& form);

}  // namespace bothy::image
