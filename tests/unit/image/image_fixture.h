// Images to import, and a store to import them to.
#pragma once

#include <filesystem>

#include "image/import/disk_builder.h"
#include "image/import/import.h"
#include "image/store/media_type.h"
#include "image/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temporary_directory.h"

namespace bothy::test {

// An OCI layout in the making.
class LayoutBuilder {
 public:
  explicit LayoutBuilder(std::string root) : root_(std::move(root)) {
    std::filesystem::create_directories(root_ + "/blobs/sha256");
    put("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }

  image::Descriptor blob(const std::string& content, std::string_view type) {
    const image::Digest digest = image::digest_of(content);
    put("blobs/sha256/" + digest.hex(), content);
    return {std::string(type), digest, content.size(), {}, {}};
  }
  // `plain` are unpacked layers; `packed`, where given, what is stored of them.
  image::Descriptor add(const std::string& name, const std::vector<std::string>& plain,
                        const std::vector<std::string>& packed = {},
                        image::Platform platform = image::Platform::host()) {
    image::ImageConfig config;
    config.platform = platform;
    image::Manifest manifest;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      config.diff_ids.push_back(image::digest_of(plain[i]));
      manifest.layers.push_back(blob(packed.empty() ? plain[i] : packed[i], image::kLayerType));
    }
    manifest.config = blob(config.json(), image::kConfigType);
    image::Descriptor entry = blob(manifest.json(), image::kManifestType);
    if (!name.empty()) {
      entry.annotations[std::string(image::kNameAnnotation)] = name;
    }
    index.manifests.push_back(entry);
    return entry;
  }
  void finish() { put("index.json", index.json()); }
  void put(const std::string& path, const std::string& content) const {
    std::ofstream(root_ + "/" + path, std::ios::binary) << content;
  }
  [[nodiscard]] const std::string& root() const noexcept { return root_; }
  // The whole as a tar.
  [[nodiscard]] std::string archive() const {
    TarBuilder tar;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
      const std::string path = entry.path().lexically_relative(root_).string();
      if (entry.is_directory()) {
        tar.directory(path);
      } else {
        tar.file(path, content_of(entry.path().string()));
      }
    }
    return tar.done();
  }

  image::Index index;

 private:
  std::string root_;
};

struct StoreFixture {
  TemporaryDirectory directory;
  image::Store store{directory / "store"};

  Result<std::vector<image::Image>> import(const std::string& source,
                                           const image::ImportOptions& options = {}) {
    return image::import_image(store, source, options);
  }
  image::Image import_one(const std::string& source, const image::ImportOptions& options = {}) {
    auto images = import(source, options);
    if (!images) {
      FAIL(images.error().context);
    }
    REQUIRE(images.value().size() == 1);
    return images.value().front();
  }
  // That nothing came of it, and nothing is left.
  std::string refusal(const std::string& source, const image::ImportOptions& options = {}) {
    const std::size_t before = std::filesystem::exists(blobs()) ? files_in(blobs()) : 0;
    const auto images = import(source, options);
    REQUIRE_FALSE(images.has_value());
    const std::string& text = images.error().context;
    CHECK(text.find('\n') == std::string::npos);
    CHECK(files_in(blobs()) == before);
    CHECK(files_in(tmp()) == 0);
    return text;
  }
  [[nodiscard]] std::string blobs() const { return store.root() + "/blobs/sha256"; }
  [[nodiscard]] std::string tmp() const { return store.root() + "/tmp"; }
};

inline std::string small_layer(const std::string& content = "content") {
  return TarBuilder().file("etc/file", content).done();
}

}  // namespace bothy::test
