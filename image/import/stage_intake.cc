#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/files.h"
#include "image/bytes/byte_source.h"
#include "image/import/importers.h"
#include "image/import/intake.h"

namespace bothy::image {
namespace {

// The documents of an import.
constexpr std::uint64_t kDocumentRoom = 1ULL << 30U;

std::uint64_t sum(std::uint64_t one, std::uint64_t two) noexcept {
  return two > std::numeric_limits<std::uint64_t>::max() - one
             ? std::numeric_limits<std::uint64_t>::max()
             : one + two;
}

}  // namespace

Result<Descriptor> Intake::keep_text(std::string_view content, std::string_view type) {
  BOTHY_TRY(write(std::as_bytes(std::span(content))));
  return keep(type);
}

StageIntake::StageIntake(const Store& store, Stage& stage, const ImportOptions& options,
                         std::string layout)
    : store_(store),
      stage_(stage),
      options_(options),
      layout_(std::move(layout)),
      fetched_(options.limits),
      left_(sum(sum(options.limits.content_bytes, options.limits.archive_bytes), kDocumentRoom)) {}

Result<void> StageIntake::spend(std::uint64_t bytes) {
  if (bytes > left_ || stage_.blobs().size() >= kMaxBlobs) {
    return limit_error(Resource::kContent, options_.limits.content_bytes);
  }
  left_ -= bytes;
  return success();
}

Result<BlobWriter*> StageIntake::writer() {
  if (!writer_) {
    BOTHY_TRY(BlobWriter made, stage_.write_blob());
    writer_.emplace(std::move(made));
  }
  return &*writer_;
}

Result<void> StageIntake::write(Bytes bytes) {
  BOTHY_TRY(spend(bytes.size()));
  BOTHY_TRY(BlobWriter* const blob, writer());
  return blob->write(bytes);
}

Result<void> StageIntake::write_zeros(std::uint64_t count) {
  BOTHY_TRY(spend(count));
  BOTHY_TRY(BlobWriter* const blob, writer());
  return blob->write_zeros(count);
}

Result<Descriptor> StageIntake::keep(std::string_view media_type) {
  BOTHY_TRY(spend(0));
  BOTHY_TRY(BlobWriter* const blob, writer());
  BlobWriter whole = std::move(*blob);
  writer_.reset();
  return stage_.keep(std::move(whole), media_type);
}

Result<bool> StageIntake::is_stored(const Digest& digest, std::uint64_t size) {
  return store_.has_blob(digest, size);
}

Result<void> StageIntake::fetch(const Digest& digest, std::uint64_t size) {
  if (stage_.blobs().contains(digest) || store_.has_blob(digest, size)) {
    return success();
  }
  const std::string path = layout_ + "/blobs/sha256/" + digest.hex();
  auto fd = layout_.empty() ? Result<UniqueFd>(make_error(ErrorCode::kNotFound, "no layout"))
                            : open_regular(path);
  if (!fd && fd.error().code == ErrorCode::kNotFound) {
    return make_error(ErrorCode::kBadInput, "blob {} is missing", digest.text());
  }
  if (!fd) {
    return std::move(fd).error();
  }
  BOTHY_TRY(fetched_.spend(Resource::kContent, size));
  FileSource file(std::move(fd).value(), path);
  ReportingSource reporting(file, options_.progress, "copying " + digest.brief(), size);
  return stage_.copy(reporting, digest, size);
}

Result<std::string> StageIntake::document(const Digest& digest) {
  if (stage_.blobs().contains(digest)) {
    return read_file(stage_.blob_path(digest), kMaxDocumentSize);
  }
  Descriptor stored;
  stored.digest = digest;
  return store_.document(stored);
}

Result<std::string> StageIntake::head(const Digest& digest) {
  BOTHY_TRY(UniqueFd fd, open_regular(stage_.blob_path(digest)));
  FileSource file(std::move(fd), stage_.blob_path(digest));
  std::array<std::byte, kHeadSize> bytes{};
  BOTHY_TRY(const std::size_t count, read_up_to(file, bytes));
  return std::string(reinterpret_cast<const char*>(bytes.data()), count);
}

}  // namespace bothy::image
