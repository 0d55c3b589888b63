// pull_image(): an image from a registry, by skopeo, which knows registries and their credentials.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timer.h"
#include "image/import/import.h"
#include "image/store/store.h"

namespace bothy::image {

// How long a registry may send nothing while an image is copied. Local transports have no limit:
// skopeo may prepare their images for minutes.
inline constexpr std::chrono::seconds kStallTimeout{60};

// `reference` is an image's name as people write it, completed with docker.io; or anything that
// skopeo takes with a transport: docker://, containers-storage:, docker-daemon:, ...
//
// A registry must answer within options.registry_timeout, and may not pause longer than
// kStallTimeout on `clock`: skopeo is killed then. The sizes in the manifest and what skopeo writes
// are counted against options.limits.download_bytes: skopeo is killed as soon as it exceeds them.
// Errors: kNotFound when skopeo is not installed or the registry has no such image; kPermission
// when it wants a login; kSystem when it can't be reached or has paused; those of import_image().
[[nodiscard]] Result<std::vector<Image>> pull_image(const Store& store,
                                                    const std::string& reference,
                                                    const ImportOptions& options,
                                                    Clock& clock = Clock::steady());

}  // namespace bothy::image
