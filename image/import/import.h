// import_image(): brings an image into a store, from whatever file or directory it is in. What it
// is shows its content, not its name:
//
//   an OCI image layout       a directory, or a tar of one           image-layout.md
//   what `docker save` writes a tar with a manifest.json
//   a root file system        a directory, or a tar of one           becomes one layer
//   a raw disk                ext4, erofs, ..., a partition table    is kept as it is
//
// tars may be packed by gzip, zstd, xz or bzip2.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/bytes/limits.h"
#include "image/store/documents.h"
#include "image/store/store.h"

namespace bothy::image {

inline constexpr std::chrono::seconds kRegistryTimeout{10};

struct ImportOptions {
  std::string name;                  // instead of the one that the source has
  bool anonymous = false;            // no name at all, whatever the source says
  std::string only;                  // of several images in the source, the one so named there
  std::optional<Platform> platform;  // instead of this host's
  Limits limits;                     // on all that one import reads, unpacks and downloads
  // How long a registry may take to send an image's manifest. pull_image() only.
  std::chrono::milliseconds registry_timeout = kRegistryTimeout;
  Progress progress;
};

// `source` is a path, or "-" for stdin, which is read once and need not be a file. Memory doesn't
// grow with the image. Errors: kNotFound; kBadImage for what is damaged, hostile or no image;
// kUnsupported for a disk that isn't raw; in each case the store is as it was.
[[nodiscard]] Result<std::vector<Image>> import_image(const Store& store, const std::string& source,
                                                      const ImportOptions& options);

}  // namespace bothy::image
