// pull_image(): an image from a registry, by skopeo, which knows registries and their credentials.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/import/import.h"
#include "image/store/store.h"

namespace bothy::image {

// `reference` as people write it: a name is looked for at docker.io. Also anything that skopeo
// takes with a transport: docker://, containers-storage:, docker-daemon:, ... kNotFound when there
// is no skopeo; kBadImage, with its last words, when it fails.
[[nodiscard]] Result<std::vector<Image>> pull_image(const Store& store,
                                                    const std::string& reference,
                                                    const ImportOptions& options);

}  // namespace bothy::image
