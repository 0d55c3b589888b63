// Stage: a directory in the store's tmp for content that is not in the store yet. It is locked
// while its process lives; what a killed process left is removed by the next one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/bytes/byte_source.h"
#include "image/bytes/digest.h"
#include "image/store/documents.h"

namespace bothy::image {

class Stage;

// A blob being written, and hashed on the way. Move-only.
class BlobWriter {
 public:
  [[nodiscard]] Result<void> write(Bytes bytes);
  // Zeros, as a hole where the file system supports holes. They are hashed byte by byte: count them
  // on a Budget first.
  [[nodiscard]] Result<void> write_zeros(std::uint64_t count);
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  friend class Stage;
  BlobWriter(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

class Stage {
 public:
  // Makes a directory in `tmp`. The caller holds LockKind::kIndex.
  [[nodiscard]] static Result<Stage> make(const std::string& tmp);
  // Removes what ended processes left in `tmp`. The caller holds LockKind::kIndex exclusively.
  static void remove_abandoned(const std::string& tmp) noexcept;

  Stage(Stage&&) noexcept = default;
  Stage& operator=(Stage&&) = delete;
  ~Stage();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] Result<BlobWriter> write_blob();
  // Completes a blob.
  [[nodiscard]] Result<Descriptor> keep(BlobWriter writer, std::string_view media_type);
  [[nodiscard]] Result<Descriptor> keep(std::string_view content, std::string_view media_type);
  // Copies all of `source`. kBadInput unless it has this digest and size; a longer source is not
  // read to its end.
  [[nodiscard]] Result<void> copy(ByteSource& source, const Digest& digest, std::uint64_t size);

  // Completed blobs and their sizes.
  [[nodiscard]] const std::map<Digest, std::uint64_t>& blobs() const noexcept { return blobs_; }
  [[nodiscard]] std::string blob_path(const Digest& digest) const;

 private:
  Stage(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;  // the directory itself, flock()ed
  std::map<Digest, std::uint64_t> blobs_;
  int next_ = 0;
};

}  // namespace bothy::image
