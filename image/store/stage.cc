#include "image/store/stage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/user_namespace.h"

namespace bothy::image {

Result<void> BlobWriter::write(Bytes bytes) {
  hash_.update(bytes);
  BOTHY_TRY(write_all_at(fd_.get(), bytes, size_, path_));
  size_ += bytes.size();
  return success();
}

Result<void> BlobWriter::write_zeros(std::uint64_t count) {
  static const std::vector<std::byte> zeros(1U << 16U);
  while (count > 0) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, zeros.size()));
    hash_.update(Bytes(zeros).first(part));
    size_ += part;
    count -= part;
  }
  if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
    return errno_error("can't write " + printable(path_));
  }
  return success();
}

Result<Stage> Stage::make(const std::string& tmp) {
  std::string path = tmp + "/stage-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) {
    return errno_error("can't make a directory in " + printable(tmp));
  }
  BOTHY_TRY(UniqueFd lock, open_file(path, O_RDONLY | O_DIRECTORY));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno_error("can't lock " + printable(path));
  }
  return Stage(std::move(path), std::move(lock));
}

void Stage::remove_abandoned(const std::string& tmp) noexcept {
  const auto names = list_directory(tmp);
  if (!names) {
    return;
  }
  for (const std::string& name : names.value()) {
    const std::string path = fmt::format("{}/{}", tmp, name);
    const auto directory = open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (directory && ::flock(directory.value().get(), LOCK_EX | LOCK_NB) == 0) {
      static_cast<void>(remove_mapped_tree(path));
    }
  }
}

Stage::~Stage() {
  if (lock_) {
    static_cast<void>(remove_mapped_tree(path_));
  }
}

std::string Stage::blob_path(const Digest& digest) const {
  return path_ + "/" + digest.hex();
}

Result<BlobWriter> Stage::write_blob() {
  std::string path = fmt::format("{}/blob-{}", path_, next_++);
  BOTHY_TRY(UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
  return BlobWriter(std::move(fd), std::move(path));
}

Result<Descriptor> Stage::keep(BlobWriter writer, std::string_view media_type) {
  Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = writer.hash_.finish();
  descriptor.size = writer.size_;
  BOTHY_TRY(sync_data(writer.fd_.get(), writer.path_));
  BOTHY_TRY(rename_file(writer.path_, blob_path(descriptor.digest)));
  blobs_[descriptor.digest] = descriptor.size;
  return descriptor;
}

Result<Descriptor> Stage::keep(std::string_view content, std::string_view media_type) {
  BOTHY_TRY(BlobWriter writer, write_blob());
  BOTHY_TRY(writer.write(std::as_bytes(std::span(content))));
  return keep(std::move(writer), media_type);
}

Result<void> Stage::copy(ByteSource& source, const Digest& digest, std::uint64_t size) {
  BOTHY_TRY(BlobWriter writer, write_blob());
  std::vector<std::byte> buffer(1U << 18U);
  while (true) {
    BOTHY_TRY(const std::size_t count, source.read(buffer));
    if (count == 0) {
      break;
    }
    if (count > size - writer.size()) {
      return make_error(ErrorCode::kBadInput, "blob {} exceeds the {} bytes of its descriptor",
                        digest.text(), size);
    }
    BOTHY_TRY(writer.write(Bytes(buffer).first(count)));
  }
  if (writer.size() != size) {
    return make_error(ErrorCode::kBadInput, "blob {} has {} bytes, but its descriptor says {}",
                      digest.text(), writer.size(), size);
  }
  BOTHY_TRY(const Descriptor kept, keep(std::move(writer), ""));
  if (kept.digest != digest) {
    return make_error(ErrorCode::kBadInput, "the content of blob {} has the digest {}",
                      digest.text(), kept.digest.text());
  }
  return success();
}

}  // namespace bothy::image
