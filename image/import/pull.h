// pull_image(): an image from a registry, by skopeo, which knows registries and their credentials.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/import/import.h"
#include "image/store/store.h"

namespace bothy::image {

// `reference` is an image's name as people write it, completed with docker.io; or anything that
// skopeo takes with a transport: docker://, containers-storage:, docker-daemon:, ...
//
// A registry must answer within options.registry_timeout. The sizes in the manifest and what
// skopeo writes are counted against options.limits.download_bytes: skopeo is killed as soon as it
// exceeds them. Errors: kNotFound when skopeo is not installed or the registry has no such image;
// kPermission when it wants a login; kSystem when it can't be reached; those of import_image().
[[nodiscard]] Result<std::vector<Image>> pull_image(const Store& store,
                                                    const std::string& reference,
                                                    const ImportOptions& options);

}  // namespace bothy::image
