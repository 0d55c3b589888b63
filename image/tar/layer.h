// apply_layer(): one layer of an image, read once from front to back, over the tree of those below.
#pragma once

#include <cstdint>

#include "image/bytes/byte_source.h"
#include "image/bytes/digest.h"
#include "image/tar/file_tree.h"

namespace bothy::image {

// Takes the content of files as it comes by, one file after another.
class ContentSink {
 public:
  ContentSink() = default;
  ContentSink(const ContentSink&) = delete;
  ContentSink& operator=(const ContentSink&) = delete;
  virtual ~ContentSink() = default;

  // A file begins; what comes back goes into Inode::place. `size` is never 0.
  [[nodiscard]] virtual Result<std::uint64_t> begin(std::uint64_t size) = 0;
  // Its next part, at a larger offset than the last one's; between parts it is zero.
  [[nodiscard]] virtual Result<void> write(std::uint64_t offset, Bytes bytes) = 0;
  [[nodiscard]] virtual Result<void> end() = 0;
};

// Reads a tar archive, plain or compressed (which its first bytes tell), and applies it: whiteouts,
// links and replacements as layer.md of the OCI image specification has them. Returns the sha256 of
// the unpacked archive, which a config calls the layer's diff ID. What the layer costs is counted
// on `budget`, which is the tree's too. An error names the entry; the tree is then of no more use.
// Attributes of file systems that images are not made for are dropped, and so is trusted.overlay.*:
// an overlayfs over the image would obey it.
[[nodiscard]] Result<Digest> apply_layer(ByteSource& layer, FileTree& tree, ContentSink& sink,
                                         Budget& budget);

}  // namespace bothy::image
