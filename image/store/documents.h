// The documents of an image: index, manifest and config of the OCI image specification 1.1, which
// Docker's schema 2 agrees with. Parsing checks everything that is used, and fails with kBadImage.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/bytes/digest.h"

namespace bothy::image {

// No document is longer (image-spec/manifest.md asks registries to take so much).
inline constexpr std::uint64_t kMaxDocumentSize = 4U << 20U;
inline constexpr std::size_t kMaxLayers = 1024;

inline constexpr std::string_view kNameAnnotation = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kContainerdNameAnnotation = "io.containerd.image.name";

struct Platform {
  std::string os;
  std::string architecture;  // as Go names it
  std::string variant;

  auto operator<=>(const Platform&) const noexcept = default;
  [[nodiscard]] std::string text() const;
  // "linux/arm64/v8"; kInvalid for anything else.
  [[nodiscard]] static Result<Platform> parse(std::string_view text);
  [[nodiscard]] static Platform host();
};

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;

  [[nodiscard]] std::string annotation(std::string_view name) const;
};

struct Index {
  std::vector<Descriptor> manifests;

  [[nodiscard]] static Result<Index> parse(std::string_view json);
  [[nodiscard]] std::string json() const;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;

  // Also kBadImage for a config or a layer of a media type that makes no root file system.
  [[nodiscard]] static Result<Manifest> parse(std::string_view json);
  [[nodiscard]] std::string json() const;
  // Its one layer is a raw disk.
  [[nodiscard]] bool is_disk() const;
};

// What a container made of the image is to be; texts as the image has them.
struct ImageConfig {
  Platform platform;
  std::string created;
  std::vector<Digest> diff_ids;  // of the unpacked layers, the lowest first
  std::string user;
  std::vector<std::string> environment;
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::string working_directory;
  std::vector<std::string> exposed_ports;
  std::vector<std::string> volumes;
  std::map<std::string, std::string> labels;
  std::string stop_signal;

  [[nodiscard]] static Result<ImageConfig> parse(std::string_view json);
  // What has a value.
  [[nodiscard]] std::string json() const;
};

// Of the manifests of one image, the one for `platform`: its exact variant where there is one, else
// the plainest; one without a platform when it is alone. kBadImage, with what there is, otherwise.
[[nodiscard]] Result<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                                 const Platform& platform);

}  // namespace bothy::image
