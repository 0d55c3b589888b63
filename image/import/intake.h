// Intake: where an importer puts blobs, and reads again what it has put there. The importer is in a
// confined child and the stage in its parent, which computes the digests: whatever a hostile image
// does to the child, a blob has the content that its digest says.
//
//   importer -> LinkIntake -> (a socket) -> IntakeServer -> StageIntake -> Stage, Store
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/confined/link.h"
#include "image/import/import.h"
#include "image/store/stage.h"
#include "image/store/store.h"

namespace bothy::image {

class Intake {
 public:
  Intake() = default;
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;
  virtual ~Intake() = default;

  // The next bytes of the one blob that is being written.
  [[nodiscard]] virtual Result<void> write(Bytes bytes) = 0;
  // Zeros, as a hole where the file system has holes. They are hashed byte by byte: count them on a
  // Budget first.
  [[nodiscard]] virtual Result<void> write_zeros(std::uint64_t count) = 0;
  // Completes the blob.
  [[nodiscard]] virtual Result<Descriptor> keep(std::string_view media_type) = 0;

  // Whether the store has the blob already.
  [[nodiscard]] virtual Result<bool> is_stored(const Digest& digest, std::uint64_t size) = 0;
  // Takes in a blob of the OCI layout that is imported, unless it is here. kBadInput when it is
  // missing there, or has another size or digest.
  [[nodiscard]] virtual Result<void> fetch(const Digest& digest, std::uint64_t size) = 0;
  // A document that was kept or fetched, or is stored: at most kMaxDocumentSize bytes.
  [[nodiscard]] virtual Result<std::string> document(const Digest& digest) = 0;
  // The first bytes, at most kHeadSize, of a blob that was kept.
  static constexpr std::size_t kHeadSize = 16;
  [[nodiscard]] virtual Result<std::string> head(const Digest& digest) = 0;

  [[nodiscard]] Result<Descriptor> keep_text(std::string_view content, std::string_view type);
};

// On a stage, whose process isn't confined.
class StageIntake final : public Intake {
 public:
  // All must outlive the intake. `layout` is the directory of the OCI layout that is imported;
  // empty for other sources.
  StageIntake(const Store& store, Stage& stage, const ImportOptions& options, std::string layout);

  [[nodiscard]] Result<void> write(Bytes bytes) override;
  [[nodiscard]] Result<void> write_zeros(std::uint64_t count) override;
  [[nodiscard]] Result<Descriptor> keep(std::string_view media_type) override;
  [[nodiscard]] Result<bool> is_stored(const Digest& digest, std::uint64_t size) override;
  [[nodiscard]] Result<void> fetch(const Digest& digest, std::uint64_t size) override;
  [[nodiscard]] Result<std::string> document(const Digest& digest) override;
  [[nodiscard]] Result<std::string> head(const Digest& digest) override;

 private:
  // An image may have as many files as an archive, and some documents for each.
  static constexpr std::size_t kMaxBlobs = 1U << 17U;

  [[nodiscard]] Result<BlobWriter*> writer();
  // Counts bytes to be written; an importer counts them by what they are and ends before.
  [[nodiscard]] Result<void> spend(std::uint64_t bytes);

  const Store& store_;
  Stage& stage_;
  const ImportOptions& options_;
  const std::string layout_;
  Budget fetched_;
  std::uint64_t left_;
  std::optional<BlobWriter> writer_;
};

// In a confined child.
class LinkIntake final : public Intake {
 public:
  explicit LinkIntake(ParentLink& link) noexcept : link_(link) {}

  [[nodiscard]] Result<void> write(Bytes bytes) override;
  [[nodiscard]] Result<void> write_zeros(std::uint64_t count) override;
  [[nodiscard]] Result<Descriptor> keep(std::string_view media_type) override;
  [[nodiscard]] Result<bool> is_stored(const Digest& digest, std::uint64_t size) override;
  [[nodiscard]] Result<void> fetch(const Digest& digest, std::uint64_t size) override;
  [[nodiscard]] Result<std::string> document(const Digest& digest) override;
  [[nodiscard]] Result<std::string> head(const Digest& digest) override;

 private:
  [[nodiscard]] Result<void> flush();
  [[nodiscard]] Result<std::string> ask(std::uint32_t type, const std::string& content);

  ParentLink& link_;
  std::string buffer_;
};

// Answers a LinkIntake's messages by another intake.
class IntakeServer {
 public:
  explicit IntakeServer(Intake& intake) noexcept : intake_(intake) {}

  // Messages from this one on are requests.
  static const std::uint32_t kFirstRequest;
  [[nodiscard]] Result<std::string> serve(std::uint32_t type, std::string_view content);

 private:
  Intake& intake_;
};

// The images of an import, as the child's result, and checked.
[[nodiscard]] std::string pack_images(const std::vector<NewImage>& images);
[[nodiscard]] Result<std::vector<NewImage>> unpack_images(std::string_view content);

}  // namespace bothy::image
