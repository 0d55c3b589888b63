// ContentFiles: the content of an image's files, each a file of a directory, until the image's tree
// is made of them.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/tar/layer.h"

namespace bothy::image {

class ContentFiles final : public ContentSink {
 public:
  // An existing directory.
  explicit ContentFiles(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] Result<std::uint64_t> begin(std::uint64_t size) override;
  [[nodiscard]] Result<void> write(std::uint64_t offset, Bytes bytes) override;
  [[nodiscard]] Result<void> end() override;

  // The inode was removed.
  void discard(const Inode& inode);

  // The name in the directory of the file of an inode that has content.
  [[nodiscard]] static std::string name_of(const Inode& inode);

 private:
  std::string directory_;
  std::uint64_t next_ = 0;
  std::uint64_t size_ = 0;  // of the file being written
  std::string path_;
  UniqueFd file_;
};

}  // namespace bothy::image
