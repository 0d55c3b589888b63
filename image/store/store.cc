#include "image/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/files.h"
#include "image/store/media_type.h"
#include "image/store/reference.h"

namespace bothy::image {
namespace {

constexpr std::string_view kLayout = R"({"imageLayoutVersion":"1.0.0"})";
// Of an index file: a store of many images has a long one.
constexpr std::uint64_t kMaxIndexSize = 64U << 20U;
constexpr std::uint64_t kMaxSourceRecord = 256;
constexpr std::size_t kMinDigits = 4;

bool is_hex(std::string_view text) noexcept {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string familiar(const std::string& name) {
  const auto reference = Reference::parse(name);
  return reference ? reference.value().familiar() : printable(name);
}

Result<void> write_new(const std::string& path, std::string_view content) {
  BOTHY_TRY(const UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  BOTHY_TRY(write_all(fd.get(), std::as_bytes(std::span(content)), path));
  return sync_data(fd.get(), path);
}

}  // namespace

std::string Image::title() const {
  return names.empty() ? manifest.digest.brief() : familiar(names.front());
}

std::uint64_t ImageDetails::size() const {
  std::uint64_t total = manifest.config.size;
  for (const Descriptor& layer : manifest.layers) {
    total += layer.size;
  }
  return total;
}

Result<Store> Store::locate(const std::string& given) {
  // Absolute, since an instance's owner changes its working directory.
  if (!given.empty()) {
    return Store(std::filesystem::absolute(given).string());
  }
  if (const std::string root = variable("BOTHY_STORE"); !root.empty()) {
    return Store(std::filesystem::absolute(root).string());
  }
  if (::geteuid() == 0) {
    return Store("/var/lib/bothy/images");
  }
  // A relative path is ignored (XDG base directory specification).
  if (const std::string data = variable("XDG_DATA_HOME"); data.starts_with('/')) {
    return Store(data + "/bothy/images");
  }
  if (const std::string home = variable("HOME"); !home.empty()) {
    return Store(home + "/.local/share/bothy/images");
  }
  return make_error(ErrorCode::kInvalid,
                    "no directory for images: set HOME or BOTHY_STORE, or use --store DIR");
}

std::string Store::blob_path(const Digest& digest) const {
  return root_ + "/blobs/sha256/" + digest.hex();
}

// The number is the version of the disk's layout: it changes with what bothy writes. So is a
// tree's.
std::string Store::disk_path(const Digest& manifest) const {
  return root_ + "/disks/" + manifest.hex() + "-1.erofs";
}

std::string Store::tree_path(const Digest& manifest, const IdMappings& mappings) const {
  std::string text;
  for (const auto& each : {mappings.users, mappings.groups}) {
    for (const IdMapping& mapping : each) {
      text += fmt::format("{} {} {},", mapping.container, mapping.host, mapping.size);
    }
    text += ';';
  }
  return fmt::format("{}/trees/{}-1-{}", root_, manifest.hex(), digest_of(text).brief());
}

Result<Index> Store::read_index() const {
  const std::string path = root_ + "/index.json";
  auto text = read_file(path, kMaxIndexSize);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return Index();
  }
  BOTHY_TRY(text);
  auto index = Index::parse(text.value());
  if (!index) {
    return make_error(ErrorCode::kBadInput, "damaged image index {}: {}", printable(path),
                      index.error().context);
  }
  return index;
}

Result<void> Store::write_index(const Index& index) const {
  const std::string path = root_ + "/index.json";
  const std::string next = root_ + "/tmp/index.json";
  BOTHY_TRY(write_new(next, index.json()));
  return rename_file(next, path);
}

Result<void> Store::make_layout() const {
  for (const char* directory : {"/blobs/sha256", "/disks", "/trees", "/sources", "/tmp"}) {
    BOTHY_TRY(make_directories(root_ + directory));
  }
  return success();
}

Result<std::vector<Image>> Store::list() const {
  BOTHY_TRY(const Index index, read_index());
  std::vector<Image> images;
  for (const Descriptor& entry : index.manifests) {
    auto at = std::find_if(images.begin(), images.end(), [&](const Image& image) {
      return image.manifest.digest == entry.digest;
    });
    if (at == images.end()) {
      at = images.insert(images.end(), Image{entry, {}});
    }
    if (std::string name = entry.annotation(kNameAnnotation); !name.empty()) {
      at->names.push_back(std::move(name));
    }
  }
  return images;
}

Result<Image> Store::find(std::string_view text) const {
  BOTHY_TRY(const std::vector<Image> images, list());
  const auto reference = Reference::parse(text);
  if (reference && !reference.value().digest) {
    const std::string name = reference.value().full();
    for (const Image& image : images) {
      if (std::find(image.names.begin(), image.names.end(), name) != image.names.end()) {
        return image;
      }
    }
  }
  std::string digits(text.substr(text.starts_with("sha256:") ? 7 : 0));
  if (reference && reference.value().digest) {
    digits = reference.value().digest->hex();
  }
  if (digits.size() >= kMinDigits && is_hex(digits)) {
    std::vector<Image> matches;
    std::copy_if(images.begin(), images.end(), std::back_inserter(matches), [&](const auto& image) {
      return image.manifest.digest.hex().starts_with(digits);
    });
    if (matches.size() > 1) {
      return make_error(ErrorCode::kInvalid,
                        "'{}' matches {} images: give more digits of the digest", printable(text),
                        matches.size());
    }
    if (matches.size() == 1) {
      return matches.front();
    }
  }
  return make_error(ErrorCode::kNotFound, "no image '{}' in {} ('bothy image ls' lists the images)",
                    printable(text), printable(root_));
}

bool Store::has_blob(const Digest& digest, std::uint64_t size) const {
  struct stat status {};
  return ::stat(blob_path(digest).c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == size;
}

Result<std::string> Store::document(const Descriptor& descriptor) const {
  BOTHY_TRY(std::string text, read_file(blob_path(descriptor.digest), kMaxDocumentSize));
  if (digest_of(text) != descriptor.digest) {
    return make_error(ErrorCode::kBadInput, "damaged blob {}: remove the image and import it again",
                      printable(blob_path(descriptor.digest)));
  }
  return text;
}

Result<ImageDetails> Store::details(const Image& image) const {
  ImageDetails details;
  BOTHY_TRY(const std::string manifest, document(image.manifest));
  BOTHY_TRY(details.manifest, Manifest::parse(manifest));
  BOTHY_TRY(details.config_json, document(details.manifest.config));
  BOTHY_TRY(details.config, ImageConfig::parse(details.config_json));
  return details;
}

Result<Addition> Store::begin() const {
  BOTHY_TRY(make_layout());
  BOTHY_TRY(FileLock content, FileLock::wait(lock_path(), LockKind::kContent, LockMode::kShared));
  BOTHY_TRY(const FileLock index,
            FileLock::wait(lock_path(), LockKind::kIndex, LockMode::kExclusive));
  if (!exists(root_ + "/oci-layout")) {
    BOTHY_TRY(write_new(root_ + "/tmp/oci-layout", kLayout));
    BOTHY_TRY(rename_file(root_ + "/tmp/oci-layout", root_ + "/oci-layout"));
  }
  if (!exists(root_ + "/index.json")) {
    BOTHY_TRY(write_index(Index()));
  }
  Stage::remove_abandoned(root_ + "/tmp");
  BOTHY_TRY(Stage stage, Stage::make(root_ + "/tmp"));
  return Addition{std::move(content), std::move(stage)};
}

Result<void> Store::take_blob(const Stage& stage, const Descriptor& blob) const {
  const auto staged = stage.blobs().find(blob.digest);
  if (staged != stage.blobs().end() && staged->second == blob.size) {
    if (has_blob(blob.digest, blob.size)) {
      return success();
    }
    // Another image of this addition may have moved the blob already.
    if (exists(stage.blob_path(blob.digest))) {
      return rename_file(stage.blob_path(blob.digest), blob_path(blob.digest));
    }
  }
  if (!has_blob(blob.digest, blob.size)) {
    return make_error(ErrorCode::kBadInput, "blob {} of {} bytes is missing", blob.digest.text(),
                      blob.size);
  }
  return success();
}

Result<void> Store::take_blobs(const Stage& stage, const Descriptor& manifest) const {
  BOTHY_TRY(take_blob(stage, manifest));
  BOTHY_TRY(const std::string text, document(manifest));
  BOTHY_TRY(const Manifest content, Manifest::parse(text));
  BOTHY_TRY(take_blob(stage, content.config));
  for (const Descriptor& layer : content.layers) {
    BOTHY_TRY(take_blob(stage, layer));
  }
  return success();
}

Result<void> Store::publish(Addition& addition, const std::vector<NewImage>& images) const {
  BOTHY_TRY(const FileLock lock,
            FileLock::wait(lock_path(), LockKind::kIndex, LockMode::kExclusive));
  BOTHY_TRY(Index index, read_index());
  auto& entries = index.manifests;
  for (const NewImage& image : images) {
    BOTHY_TRY(take_blobs(addition.stage, image.manifest));
    for (Descriptor& entry : entries) {
      const std::string name = entry.annotation(kNameAnnotation);
      if (std::find(image.names.begin(), image.names.end(), name) != image.names.end()) {
        entry.annotations.erase(std::string(kNameAnnotation));
      }
    }
    Descriptor entry = image.manifest;
    entry.annotations.clear();
    for (const std::string& name : image.names) {
      entry.annotations[std::string(kNameAnnotation)] = name;
      entries.push_back(entry);
    }
    if (image.names.empty()) {
      entries.push_back(entry);
    }
  }
  // An entry without a name is redundant beside one of the same image.
  std::vector<Descriptor> kept;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto same = [&](const Descriptor& other) { return other.digest == entries[i].digest; };
    const auto named = [&](const Descriptor& other) {
      return same(other) && !other.annotation(kNameAnnotation).empty();
    };
    const bool has_name = !entries[i].annotation(kNameAnnotation).empty();
    if (has_name || (std::none_of(entries.begin(), entries.end(), named) &&
                     std::none_of(kept.begin(), kept.end(), same))) {
      kept.push_back(entries[i]);
    }
  }
  index.manifests = std::move(kept);
  return write_index(index);
}

// Two digests, one a line.
std::optional<ImportedSource> Store::imported_source(const Digest& place) const {
  const auto text = read_file(root_ + "/sources/" + place.hex(), kMaxSourceRecord);
  if (!text) {
    return std::nullopt;
  }
  const std::string_view lines = text.value();
  const std::size_t end = lines.find('\n');
  const auto state = Digest::parse(lines.substr(0, end));
  const auto manifest =
      Digest::parse(end == std::string_view::npos ? std::string_view() : lines.substr(end + 1));
  if (!state || !manifest) {
    return std::nullopt;
  }
  return ImportedSource{state.value(), manifest.value()};
}

Result<void> Store::remember_source(const Digest& place, const ImportedSource& source) const {
  BOTHY_TRY(const FileLock lock,
            FileLock::wait(lock_path(), LockKind::kIndex, LockMode::kExclusive));
  BOTHY_TRY(make_directories(root_ + "/sources"));
  const std::string next = root_ + "/tmp/source";
  BOTHY_TRY(write_new(next, source.state.text() + "\n" + source.manifest.text()));
  return rename_file(next, root_ + "/sources/" + place.hex());
}

Result<FileLock> Store::use(const Digest& manifest) const {
  return FileLock::wait(lock_path(), LockKind::kUse, LockMode::kShared, manifest);
}

}  // namespace bothy::image
