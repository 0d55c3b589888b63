// Media types of the OCI image specification and of Docker's schema 2.
#pragma once

#include <string_view>

namespace bothy::image {

enum class MediaType {
  kIndex,        // of manifests, one for each platform
  kManifest,     // of an image
  kConfig,       // of a container
  kLayer,        // a tar archive of any compression
  kDisk,         // a raw disk, uncompressed; bothy's own type
  kOldManifest,  // Docker's schema 1
  kUnknown,
};

[[nodiscard]] MediaType media_type(std::string_view text) noexcept;

inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kDiskType = "application/vnd.bothy.disk.v1.raw";

}  // namespace bothy::image
