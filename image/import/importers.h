// The importers behind import_image(): each turns one kind of source into images on a stage.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "image/import/import.h"
#include "image/import/intake.h"

namespace bothy::image {

// The parameters of an import, in the confined child that does it.
struct ImportJob {
  Intake& intake;
  const ImportOptions& options;  // with a platform
  Budget& budget;
  std::string source;  // the path, for names and errors

  // The full name of an image: --name; or `given`, when that is a name; or the source's file name,
  // with `given` as the tag. Empty when there is no valid one.
  [[nodiscard]] Result<std::string> name_for(const std::string& given) const;
  // Stages a manifest of one layer, whose unpacked content has the digest `diff_id`.
  [[nodiscard]] Result<NewImage> single_layer(const Descriptor& layer, const Digest& diff_id) const;
};

// The files of a tar of images, each staged as a blob.
struct ArchiveContents {
  std::map<std::string, Descriptor> files;   // by path, without a leading "./"
  std::map<std::string, std::string> links;  // symlinks and hard links, to paths as above
  std::map<std::string, std::string>
      documents;  // the text of index.json, manifest.json, oci-layout

  // The file at `path`, links followed; nullptr when there is none.
  [[nodiscard]] const Descriptor* find(const std::string& path) const;
};

// Reports how much of a source has been read.
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

// `index` is the layout's index.json; its blobs are fetched.
[[nodiscard]] Result<std::vector<NewImage>> import_oci_directory(const ImportJob& job,
                                                                 ByteSource& index);
[[nodiscard]] Result<std::vector<NewImage>> import_oci_archive(const ImportJob& job,
                                                               const ArchiveContents& contents);
[[nodiscard]] Result<std::vector<NewImage>> import_docker_archive(const ImportJob& job,
                                                                  const ArchiveContents& contents);
[[nodiscard]] Result<std::vector<NewImage>> import_rootfs_directory(const ImportJob& job);
[[nodiscard]] Result<std::vector<NewImage>> import_rootfs_archive(const ImportJob& job,
                                                                  ByteSource& archive);
[[nodiscard]] Result<std::vector<NewImage>> import_disk(const ImportJob& job, ByteSource& disk);

}  // namespace bothy::image
