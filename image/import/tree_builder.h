// ensure_tree(): the files of an image, unpacked once for the containers of an ordinary user.
#pragma once

#include <string>

#include "base/id_mapping.h"
#include "base/result.h"
#include "image/bytes/limits.h"
#include "image/store/store.h"

namespace bothy::image {

struct Tree {
  std::string path;    // the root directory of the image's files, never written to
  FileLock use;        // keeps the image in the store; an instance holds it until its end
  bool built = false;  // by this call
};

// Returns the tree of an image in the store, whose files belong to the ids of a user namespace with
// `mappings`: one tree for each mapping. The first call unpacks the layers, while other processes
// that want it wait; later calls return the same tree. The layers are checked as ensure_disk()
// does; write_tree() says what is left out. kUnsupported for an image that is a raw disk. The
// calling process has one thread.
[[nodiscard]] Result<Tree> ensure_tree(const Store& store, const Image& image,
                                       const IdMappings& mappings, const Limits& limits,
                                       const Progress& progress);

}  // namespace bothy::image
