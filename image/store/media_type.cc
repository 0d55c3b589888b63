#include "image/store/media_type.h"

#include <array>
#include <utility>

namespace bothy::image {
namespace {

constexpr std::array<std::pair<std::string_view, MediaType>, 8> kTypes{{
    {kIndexType, MediaType::kIndex},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MediaType::kIndex},
    {kManifestType, MediaType::kManifest},
    {"application/vnd.docker.distribution.manifest.v2+json", MediaType::kManifest},
    {kConfigType, MediaType::kConfig},
    {"application/vnd.docker.container.image.v1+json", MediaType::kConfig},
    {kDiskType, MediaType::kDisk},
    {"application/vnd.docker.distribution.manifest.v1+prettyjws", MediaType::kOldManifest},
}};

// The suffix for the compression is ignored: the content shows it.
constexpr std::array<std::string_view, 4> kLayerTypes{
    kLayerType, "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar"};
constexpr std::array<std::string_view, 4> kPackings{"", "+gzip", "+zstd", ".gzip"};

}  // namespace

MediaType media_type(std::string_view text) noexcept {
  for (const auto& [name, type] : kTypes) {
    if (text == name) {
      return type;
    }
  }
  for (const std::string_view layer : kLayerTypes) {
    for (const std::string_view packing : kPackings) {
      if (text.starts_with(layer) && text.substr(layer.size()) == packing) {
        return MediaType::kLayer;
      }
    }
  }
  return text == "application/vnd.docker.distribution.manifest.v1+json" ? MediaType::kOldManifest
                                                                        : MediaType::kUnknown;
}

}  // namespace bothy::image
