// Imports OCI image layouts, from directories and tars.
#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/files.h"
#include "image/bytes/byte_source.h"
#include "image/import/importers.h"
#include "image/store/media_type.h"

namespace bothy::image {
namespace {

constexpr std::string_view kBlobs = "blobs/sha256/";
constexpr std::size_t kMaxImages = 1024;
constexpr std::size_t kMaxNamesShown = 10;
constexpr int kMaxIndexDepth = 4;
constexpr std::uint64_t kMaxIndexSize = 64U << 20U;
constexpr std::size_t kIndexPart = 1U << 16U;

// Makes sure that the stage or the store has a blob.
using Fetch = std::function<Result<void>(const Descriptor&)>;

// The manifests of one name: alternatives for several platforms.
struct Group {
  std::string name;
  std::vector<Descriptor> manifests;
};

class LayoutImporter {
 public:
  LayoutImporter(const ImportJob& job, Fetch fetch) : job_(job), fetch_(std::move(fetch)) {}

  Result<std::vector<NewImage>> import(std::string_view index_text) {
    BOTHY_TRY(const Index index, Index::parse(index_text));
    std::vector<Group> groups = group(index);
    if (!job_.options.only.empty()) {
      std::erase_if(groups, [&](const Group& each) { return each.name != job_.options.only; });
    }
    if (groups.empty()) {
      return make_error(ErrorCode::kBadInput, "the layout holds no image{}",
                        job_.options.only.empty() ? "" : " of that name, but " + names(index));
    }
    if (groups.size() > 1 && !job_.options.name.empty()) {
      return make_error(
          ErrorCode::kInvalid,
          "the layout holds {} images, and --name can name one: choose it with --only ({})",
          groups.size(), names(index));
    }
    if (groups.size() > kMaxImages) {
      return make_error(ErrorCode::kBadInput,
                        "the layout holds more than {} images: choose one with --only", kMaxImages);
    }
    std::vector<NewImage> images;
    for (const Group& each : groups) {
      BOTHY_TRY(NewImage image, import_group(each));
      images.push_back(std::move(image));
    }
    return images;
  }

 private:
  static std::string name_of(const Descriptor& manifest) {
    const std::string full = manifest.annotation(kContainerdNameAnnotation);
    return full.empty() ? manifest.annotation(kNameAnnotation) : full;
  }

  static std::vector<Group> group(const Index& index) {
    std::vector<Group> groups;
    std::map<std::string, std::size_t> places;
    for (const Descriptor& manifest : index.manifests) {
      const std::string name = name_of(manifest);
      const auto [at, is_new] = places.try_emplace(name, groups.size());
      if (is_new) {
        groups.push_back({name, {}});
      }
      groups[at->second].manifests.push_back(manifest);
    }
    return groups;
  }

  static std::string names(const Index& index) {
    std::string text;
    std::size_t count = 0;
    for (const Group& each : group(index)) {
      if (++count > kMaxNamesShown) {
        return text + ", ...";
      }
      text += (text.empty() ? "" : ", ") + (each.name.empty() ? "<no name>" : printable(each.name));
    }
    return text;
  }

  Result<std::string> document(const Descriptor& descriptor) {
    if (descriptor.size > kMaxDocumentSize) {
      return make_error(ErrorCode::kBadInput, "document {} exceeds {} bytes",
                        descriptor.digest.text(), kMaxDocumentSize);
    }
    BOTHY_TRY(fetch_(descriptor));
    return job_.intake.document(descriptor.digest);
  }

  // Finds the manifest for the platform, through nested indexes.
  // NOLINTNEXTLINE(misc-no-recursion): as deep as kMaxIndexDepth
  Result<Descriptor> choose(const std::vector<Descriptor>& manifests, int depth) {
    const Platform platform = *job_.options.platform;
    BOTHY_TRY(Descriptor chosen, choose_manifest(manifests, platform));
    switch (media_type(chosen.media_type)) {
      case MediaType::kManifest:
        chosen.platform = chosen.platform.value_or(platform);
        return chosen;
      case MediaType::kIndex: {
        if (depth == kMaxIndexDepth) {
          return make_error(ErrorCode::kBadInput, "indexes are nested more than {} deep",
                            kMaxIndexDepth);
        }
        BOTHY_TRY(const std::string text, document(chosen));
        BOTHY_TRY(const Index index, Index::parse(text));
        return choose(index.manifests, depth + 1);
      }
      case MediaType::kOldManifest:
        return make_error(
            ErrorCode::kUnsupported,
            "the manifest has Docker's schema 1: push the image again with Docker 1.10 or later");
      default:
        return make_error(ErrorCode::kBadInput, "a manifest has the unknown media type '{}'",
                          printable(chosen.media_type));
    }
  }

  Result<NewImage> import_group(const Group& each) {
    NewImage image;
    BOTHY_TRY(image.manifest, choose(each.manifests, 0));
    BOTHY_TRY(const std::string text, document(image.manifest));
    BOTHY_TRY(const Manifest manifest, Manifest::parse(text));
    BOTHY_TRY(const std::string config_text, document(manifest.config));
    BOTHY_TRY(const ImageConfig config, ImageConfig::parse(config_text));
    if (config.diff_ids.size() != manifest.layers.size()) {
      return make_error(ErrorCode::kBadInput, "the manifest has {} layers, but the config has {}",
                        manifest.layers.size(), config.diff_ids.size());
    }
    image.manifest.platform = config.platform;
    for (const Descriptor& layer : manifest.layers) {
      BOTHY_TRY(fetch_(layer));
    }
    BOTHY_TRY(const std::string name, job_.name_for(each.name));
    if (!name.empty()) {
      image.names.push_back(name);
    }
    return image;
  }

  const ImportJob& job_;
  Fetch fetch_;
};

}  // namespace

Result<std::vector<NewImage>> import_oci_directory(const ImportJob& job, ByteSource& index) {
  std::string text;
  std::vector<std::byte> part(kIndexPart);
  while (true) {
    BOTHY_TRY(const std::size_t count, index.read(part));
    if (count == 0) {
      break;
    }
    text.append(reinterpret_cast<const char*>(part.data()), count);
    if (text.size() > kMaxIndexSize) {
      return make_error(ErrorCode::kBadInput, "index.json exceeds {} bytes", kMaxIndexSize);
    }
  }
  const Fetch fetch = [&](const Descriptor& blob) -> Result<void> {
    return job.intake.fetch(blob.digest, blob.size);
  };
  return LayoutImporter(job, fetch).import(text);
}

Result<std::vector<NewImage>> import_oci_archive(const ImportJob& job,
                                                 const ArchiveContents& contents) {
  // Blobs are named by their digests.
  for (const auto& [path, file] : contents.files) {
    if (path.starts_with(kBlobs) && path.substr(kBlobs.size()) != file.digest.hex()) {
      return make_error(ErrorCode::kBadInput, "the content of '{}' has the digest {}",
                        printable(path), file.digest.text());
    }
  }
  const Fetch fetch = [&](const Descriptor& blob) -> Result<void> {
    const Descriptor* file = contents.find(std::string(kBlobs) + blob.digest.hex());
    BOTHY_TRY(const bool stored,
              file == nullptr ? job.intake.is_stored(blob.digest, blob.size) : Result<bool>(false));
    if (stored) {
      return success();
    }
    if (file == nullptr || file->digest != blob.digest) {
      return make_error(ErrorCode::kBadInput, "blob {} is missing", blob.digest.text());
    }
    if (file->size != blob.size) {
      return make_error(ErrorCode::kBadInput, "blob {} has {} bytes, but its descriptor says {}",
                        blob.digest.text(), file->size, blob.size);
    }
    return success();
  };
  return LayoutImporter(job, fetch).import(contents.documents.at("index.json"));
}

}  // namespace bothy::image
