// ensure_disk(): the disk of an image, built once, read-only, shared by all instances.
#pragma once

#include <string>

#include "base/result.h"
#include "image/bytes/limits.h"
#include "image/store/store.h"

namespace bothy::image {

struct Disk {
  std::string path;    // erofs, or the image's raw disk
  FileLock use;        // keeps the image in the store; an instance holds it until its end
  bool built = false;  // by this call
};

// Returns the disk of an image in the store. The first call builds it from the layers, while other
// processes that want it wait; later calls return the same file. The same image gives the same
// bytes on every host. kBadInput for damaged or hostile layers and those that exceed `limits`, with
// the layer and its entry in the error; then nothing is kept.
[[nodiscard]] Result<Disk> ensure_disk(const Store& store, const Image& image, const Limits& limits,
                                       const Progress& progress);

// Copies a disk with its holes to `path`, and replaces an existing file atomically.
[[nodiscard]] Result<void> copy_disk(const Disk& disk, const std::string& path);

}  // namespace bothy::image
