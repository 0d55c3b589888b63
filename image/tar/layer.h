// apply_layer(): applies one layer of an image to the tree of the layers below.
#pragma once

#include <cstdint>

#include "image/bytes/byte_source.h"
#include "image/bytes/digest.h"
#include "image/tar/file_tree.h"

namespace bothy::image {

// Receives the content of files, one file after another.
class ContentSink {
 public:
  ContentSink() = default;
  ContentSink(const ContentSink&) = delete;
  ContentSink& operator=(const ContentSink&) = delete;
  virtual ~ContentSink() = default;

  // Starts a file. The result becomes Inode::place. `size` is not 0.
  [[nodiscard]] virtual Result<std::uint64_t> begin(std::uint64_t size) = 0;
  // The next part of the file, behind the previous one. Gaps between parts are zeros.
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, Bytes bytes) = 0;
  [[nodiscard]] virtual Result<void> end() = 0;
};

// Reads a tar archive, plain or compressed, and applies it: whiteouts, links and replacements by
// layer.md of the OCI image specification. Returns the SHA-256 of the unpacked archive, which a
// config calls the layer's diff ID. The costs of the layer are counted on `budget`, which the tree
// uses too. An error names the entry; the tree must not be used after one. Extended attributes of
// unknown namespaces are dropped, and so are trusted.overlay.*, which an overlayfs over the image
// would interpret.
[[nodiscard]] Result<Digest> apply_layer(ByteSource& layer, FileTree& tree, ContentSink& sink,
                                         Budget& budget);

}  // namespace bothy::image
