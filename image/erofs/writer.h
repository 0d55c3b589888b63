// ErofsWriter: makes an erofs image of a FileTree while its content goes by. Content first, then
// large directories, then all inodes: what has to be kept in memory is the tree. The same tree and
// content give the same bytes, whoever builds, wherever and whenever.
//
//   ErofsWriter writer(fd, path);
//   FileTree tree(budget, [&](const Inode& inode) { writer.forget(inode); });
//   apply_layer(layer, tree, writer, budget);   // for each
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
  // `fd` is an empty file, open for writing, that outlives the writer; `path` names it in errors.
  ErofsWriter(int fd, std::string path);

  [[nodiscard]] Result<std::uint64_t> begin(std::uint64_t size) override;
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> end() override;

  // The inode's content will not be asked for: its blocks become a hole.
  void forget(const Inode& inode);

  // Writes all the rest; the volume's UUID is made of `identity`. kBadImage for what erofs has no
  // room for.
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
  [[nodiscard]] Result<void> punch_forgotten();
  [[nodiscard]] Result<void> write_superblock(const Digest& identity, std::uint64_t meta_start,
                                              std::uint16_t root, std::uint64_t inodes);

  int fd_;
  std::string path_;
  std::uint64_t file_start_ = 0;  // of the file being written
  std::uint64_t file_size_ = 0;
  std::uint64_t flushed_ = 0;  // where the buffer belongs
  std::vector<std::byte> buffer_;
  std::vector<Extent> forgotten_;
};

// CRC-32C as the kernel's crc32c() has it: no inversion at the end.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, Bytes bytes) noexcept;

}  // namespace bothy::image
