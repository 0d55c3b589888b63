// Imports the archives of `docker save`, which Podman and skopeo call docker-archive: manifest.json
// lists, for each image, the paths of its config and layers in the archive.
#include <boost/json/value.hpp>
#include <utility>

#include "base/files.h"
#include "base/json_fields.h"
#include "image/bytes/unpack_source.h"
#include "image/import/importers.h"
#include "image/store/media_type.h"
#include "image/store/reference.h"

namespace bothy::image {
namespace {

constexpr std::string_view kName = "manifest.json";

// A file named by a digest must have that digest.
Result<void> check_name(const std::string& path, const Descriptor& file) {
  const std::size_t slash = path.rfind('/');
  std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  base = base.substr(0, base.find('.'));
  const auto named = Digest::parse_hex(base);
  if (named && named.value() != file.digest) {
    return make_error(ErrorCode::kBadInput, "the content of '{}' has the digest {}",
                      printable(path), file.digest.text());
  }
  return success();
}

Result<Descriptor> find_file(const ArchiveContents& contents, const std::string& path) {
  const Descriptor* file = contents.find(path);
  if (file == nullptr) {
    return make_error(ErrorCode::kBadInput, "{} lists '{}', which is not in the archive", kName,
                      printable(path));
  }
  return *file;
}

Result<std::string_view> layer_type(const ImportJob& job, const Descriptor& layer) {
  BOTHY_TRY(const std::string head, job.intake.head(layer.digest));
  switch (detect_compression(std::as_bytes(std::span(head)))) {
    case Compression::kNone:
      return kLayerType;
    case Compression::kGzip:
      return "application/vnd.oci.image.layer.v1.tar+gzip";
    case Compression::kZstd:
      return "application/vnd.oci.image.layer.v1.tar+zstd";
    default:
      return make_error(ErrorCode::kBadInput,
                        "a layer has an unsupported compression: expected none, gzip or zstd");
  }
}

Result<NewImage> import_one(const ImportJob& job, const ArchiveContents& contents,
                            const JsonFields& fields) {
  BOTHY_TRY(const std::string config_path, fields.text("Config"));
  BOTHY_TRY(const auto tags, fields.texts("RepoTags"));
  BOTHY_TRY(const auto layer_paths, fields.texts("Layers"));
  Manifest manifest;
  BOTHY_TRY(manifest.config, find_file(contents, config_path));
  BOTHY_TRY(check_name(config_path, manifest.config));
  manifest.config.media_type = kConfigType;
  BOTHY_TRY(const std::string text, job.intake.document(manifest.config.digest));
  BOTHY_TRY(const ImageConfig config, ImageConfig::parse(text));
  if (layer_paths.empty() || layer_paths.size() > kMaxLayers ||
      config.diff_ids.size() != layer_paths.size()) {
    return make_error(ErrorCode::kBadInput, "{} has {} layers, but the config has {}", kName,
                      layer_paths.size(), config.diff_ids.size());
  }
  for (std::size_t i = 0; i < layer_paths.size(); ++i) {
    BOTHY_TRY(Descriptor layer, find_file(contents, layer_paths[i]));
    BOTHY_TRY(const std::string_view type, layer_type(job, layer));
    layer.media_type = type;
    // A compressed layer is checked when the disk is built.
    if (type == kLayerType && layer.digest != config.diff_ids[i]) {
      return make_error(ErrorCode::kBadInput,
                        "layer '{}' has the digest {}, but the config says {}",
                        printable(layer_paths[i]), layer.digest.text(), config.diff_ids[i].text());
    }
    manifest.layers.push_back(std::move(layer));
  }
  NewImage image;
  BOTHY_TRY(image.manifest, job.intake.keep_text(manifest.json(), kManifestType));
  image.manifest.platform = config.platform;
  if (job.options.name.empty() && !job.options.anonymous) {
    for (const std::string& tag : tags) {
      BOTHY_TRY(const Reference reference, Reference::parse(tag));
      image.names.push_back(reference.full());
    }
  }
  if (image.names.empty()) {
    BOTHY_TRY(const std::string name, job.name_for(""));
    if (!name.empty()) {
      image.names.push_back(name);
    }
  }
  return image;
}

}  // namespace

Result<std::vector<NewImage>> import_docker_archive(const ImportJob& job,
                                                    const ArchiveContents& contents) {
  BOTHY_TRY(const auto entries, parse_array(contents.documents.at(std::string(kName)), kName));
  std::vector<NewImage> images;
  for (const auto& entry : entries) {
    BOTHY_TRY(const JsonFields fields, JsonFields::of(entry, kName));
    BOTHY_TRY(const auto tags, fields.texts("RepoTags"));
    if (!job.options.only.empty() &&
        std::find(tags.begin(), tags.end(), job.options.only) == tags.end()) {
      continue;
    }
    BOTHY_TRY(NewImage image, import_one(job, contents, fields));
    images.push_back(std::move(image));
  }
  if (images.empty()) {
    return make_error(
        ErrorCode::kBadInput, "the archive holds no image{}",
        job.options.only.empty() ? "" : " named '" + printable(job.options.only) + "'");
  }
  if (images.size() > 1 && !job.options.name.empty()) {
    return make_error(ErrorCode::kInvalid,
                      "the archive holds {} images, and --name can name one: choose it with --only",
                      images.size());
  }
  return images;
}

}  // namespace bothy::image
