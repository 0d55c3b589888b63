// Imports a root file system, which becomes an image of one uncompressed layer.
#include <utility>

#include "image/import/importers.h"
#include "image/store/media_type.h"
#include "image/tar/file_tree.h"
#include "image/tar/layer.h"
#include "image/tar/tree_archive.h"

namespace bothy::image {
namespace {

// Copies the bytes read into a blob.
class KeepingSource final : public ByteSource {
 public:
  KeepingSource(ByteSource& source, Intake& intake) : source_(source), intake_(intake) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    BOTHY_TRY(const std::size_t count, source_.read(into));
    BOTHY_TRY(intake_.write(into.first(count)));
    return count;
  }

 private:
  ByteSource& source_;
  Intake& intake_;
};

// Content is not needed to check an archive.
class NoSink final : public ContentSink {
 public:
  Result<std::uint64_t> begin(std::uint64_t /*size*/) override { return 0; }
  Result<void> write(std::uint64_t /*offset*/, Bytes /*bytes*/) override { return success(); }
  Result<void> end() override { return success(); }
};

Result<std::vector<NewImage>> as_image(const ImportJob& job) {
  BOTHY_TRY(const Descriptor layer, job.intake.keep(kLayerType));
  BOTHY_TRY(NewImage image, job.single_layer(layer, layer.digest));
  std::vector<NewImage> images;
  images.push_back(std::move(image));
  return images;
}

}  // namespace

Result<std::vector<NewImage>> import_rootfs_directory(const ImportJob& job) {
  BOTHY_TRY(archive_tree(job.source, job.options.progress, [&](Bytes bytes) -> Result<void> {
    BOTHY_TRY(job.budget.spend(Resource::kArchive, bytes.size()));
    return job.intake.write(bytes);
  }));
  return as_image(job);
}

Result<std::vector<NewImage>> import_rootfs_archive(const ImportJob& job, ByteSource& archive) {
  KeepingSource kept(archive, job.intake);
  FileTree tree(job.budget);
  NoSink sink;
  BOTHY_TRY(apply_layer(kept, tree, sink, job.budget));
  return as_image(job);
}

}  // namespace bothy::image
