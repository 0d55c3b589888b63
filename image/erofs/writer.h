// ErofsWriter: writes an erofs file system while the layers of an image are read. File content
// comes first, then large directories, then all inodes, so that only the tree is kept in memory.
// The same tree and content give the same bytes on every host.
//
//   ErofsWriter writer(fd, path);
//   FileTree tree(budget, [&](const Inode& inode) { writer.discard(inode); });
//   apply_layer(layer, tree, writer, budget);   // each layer
//   writer.finish(tree, digest);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/bytes/digest.h"
#include "image/tar/file_tree.h"
#include "image/tar/layer.h"

namespace bothy::image {

class ErofsWriter final : public ContentSink {
 public:
  // `fd` is an empty file, open for writing, that outlives the writer; `path` is for errors.
  ErofsWriter(int fd, std::string path);

  [[nodiscard]] Result<std::uint64_t> begin(std::uint64_t size) override;
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> end() override;

  // The inode was removed: the blocks of its content become a hole.
  void discard(const Inode& inode);

  // Writes the metadata. The volume's UUID is derived from `identity`. kBadInput when the tree
  // exceeds erofs's limits.
  [[nodiscard]] Result<void> finish(const FileTree& tree, const Digest& identity);

 private:
  class Metadata;
  struct Extent {
    std::uint64_t start;
    std::uint64_t length;
  };

  [[nodiscard]] Result<void> append(Bytes bytes);
  [[nodiscard]] Result<void> extend_to(std::uint64_t offset);
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] Result<void> punch_discarded();
  [[nodiscard]] Result<void> write_superblock(const Digest& identity, std::uint64_t meta_start,
                                              std::uint16_t root, std::uint64_t inodes);

  int fd_;
  std::string path_;
  std::uint64_t file_start_ = 0;  // of the file being written
  std::uint64_t file_size_ = 0;
  std::uint64_t flushed_ = 0;  // where the buffer belongs
  std::vector<std::byte> buffer_;
  std::vector<Extent> discarded_;
};

// CRC-32C as the kernel's crc32c() has it: no inversion at the end.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, Bytes bytes) noexcept;

}  // namespace bothy::image
