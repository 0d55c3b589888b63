// import_image(): imports an image from a file or directory into a store. The kind is detected by
// content:
//
//   OCI image layout          a directory, or a tar of one (image-layout.md)
//   output of `docker save`   a tar with a manifest.json
//   root file system          a directory, or a tar of one; becomes one layer
//   raw disk                  ext4, erofs, ..., a partition table; kept unchanged
//
// tars may be compressed by gzip, zstd, xz or bzip2.
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

inline constexpr std::chrono::seconds kRegistryTimeout{5};

struct ImportOptions {
  std::string name;                  // instead of the name in the source
  bool anonymous = false;            // no name, whatever the source says
  std::string only;                  // the name of one of several images in the source
  std::optional<Platform> platform;  // default: this host's
  Limits limits;                     // on all that one import reads, unpacks and downloads
  // How long a registry may take to send an image's manifest. pull_image() only.
  std::chrono::milliseconds registry_timeout = kRegistryTimeout;
  Progress progress;
};

// `source` is a path, or "-" for stdin, which may be a pipe. Memory use doesn't grow with the size
// of the image's files. Errors: kNotFound; kBadInput for a damaged or hostile source, one that is
// not an image, or one that exceeds a limit; kUnsupported for a disk that isn't raw. After an error
// the store is unchanged.
[[nodiscard]] Result<std::vector<Image>> import_image(const Store& store, const std::string& source,
                                                      const ImportOptions& options);

}  // namespace bothy::image
