// What import_image() is made of: each kind of source turns into new images on a stage.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "image/import/import.h"

namespace bothy::image {

// What an import works with.
struct ImportJob {
  const Store& store;
  Stage& stage;
  const ImportOptions& options;
  Budget& budget;
  std::string source;  // to name images from, and to say

  // In full: --name; or `given` where it is a name or a tag; or one made of the source's.
  [[nodiscard]] Result<std::string> name_for(const std::string& given) const;
  // Puts a manifest of one layer on the stage, whose unpacked content has the digest `diff_id`.
  [[nodiscard]] Result<NewImage> single_layer(const Descriptor& layer, const Digest& diff_id) const;
  void report(std::string_view what, std::uint64_t done, std::uint64_t all) const;
};

// The files of a tar that holds images, each staged as a blob.
struct ArchiveContents {
  std::map<std::string, Descriptor> files;   // by path, without a leading "./"
  std::map<std::string, std::string> links;  // symlinks and hard links, to paths as above
  std::map<std::string, std::string>
      documents;  // the text of index.json, manifest.json, oci-layout

  // Links followed; nullptr where there is none.
  [[nodiscard]] const Descriptor* find(const std::string& path) const;
};

// A source that tells how far it is read.
class ReportingSource final : public ByteSource {
 public:
  ReportingSource(ByteSource& source, const Progress& progress, std::string what, std::uint64_t all)
      : source_(source), progress_(progress), what_(std::move(what)), all_(all) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  ByteSource& source_;
  const Progress& progress_;
  std::string what_;
  std::uint64_t all_;
  std::uint64_t done_ = 0;
};

[[nodiscard]] Result<std::vector<NewImage>> import_oci_directory(const ImportJob& job);
[[nodiscard]] Result<std::vector<NewImage>> import_oci_archive(const ImportJob& job,
                                                               const ArchiveContents& contents);
[[nodiscard]] Result<std::vector<NewImage>> import_docker_archive(const ImportJob& job,
                                                                  const ArchiveContents& contents);
[[nodiscard]] Result<std::vector<NewImage>> import_rootfs_directory(const ImportJob& job);
[[nodiscard]] Result<std::vector<NewImage>> import_rootfs_archive(const ImportJob& job,
                                                                  ByteSource& archive);
[[nodiscard]] Result<std::vector<NewImage>> import_disk(const ImportJob& job, ByteSource& disk);

}  // namespace bothy::image
