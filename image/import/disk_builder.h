// The disk of an image, which machines run from: read-only, the same for all of them, made once.
#pragma once

#include <string>

#include "base/result.h"
#include "image/bytes/limits.h"
#include "image/store/store.h"

namespace bothy::image {

struct Disk {
  std::string path;    // erofs, or the image's own raw disk
  FileLock use;        // keeps the image in the store; to be held as long as something runs from it
  bool built = false;  // just now
};

// The disk of an image in the store. It is made of its layers the first time that it is asked for,
// by one process while others wait, and then kept. The same image gives the same bytes, on any
// host. kBadImage for layers that are damaged, hostile, or more than `limits`; then nothing is
// kept.
[[nodiscard]] Result<Disk> ensure_disk(const Store& store, const Image& image, const Limits& limits,
                                       const Progress& progress);

// Copies a disk to `path`, with its holes; atomically, over what is there.
[[nodiscard]] Result<void> copy_disk(const Disk& disk, const std::string& path);

}  // namespace bothy::image
