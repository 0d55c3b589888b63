// The documents of an image: index, manifest and config of the OCI image specification 1.1, which
// Docker's schema 2 is compatible with. Parsing checks every field that is used; errors are
// kBadInput.
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

// The size that image-spec/manifest.md asks registries to accept.
inline constexpr std::uint64_t kMaxDocumentSize = 4U << 20U;
inline constexpr std::size_t kMaxLayers = 1024;

inline constexpr std::string_view kNameAnnotation = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kContainerdNameAnnotation = "io.containerd.image.name";

struct Platform {
  std::string os;
  std::string architecture;  // a GOARCH value, such as "amd64"
  std::string variant;

  auto operator<=>(const Platform&) const noexcept = default;
  [[nodiscard]] std::string text() const;
  // Parses OS/ARCH[/VARIANT], such as "linux/arm64/v8"; kInvalid for anything else.
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

  // kBadInput also for a config or a layer of an unsupported media type.
  [[nodiscard]] static Result<Manifest> parse(std::string_view json);
  [[nodiscard]] std::string json() const;
  // Whether the only layer is a raw disk.
  [[nodiscard]] bool is_disk() const;
};

// The configuration of containers made from the image; strings are unchecked.
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
  // Fields without a value are left out.
  [[nodiscard]] std::string json() const;
};

// The manifest for `platform`: that of the exact variant, or else that of the lowest variant; or
// the only manifest, when it has no platform. kBadInput, with a list of the platforms, otherwise.
[[nodiscard]] Result<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                                 const Platform& platform);

}  // namespace bothy::image
