// The image that is to run: from the store, or from a registry first.
#pragma once

#include <string>

#include "base/result.h"
#include "image/store/store.h"
#include "run/run_options.h"

namespace bothy::run {

// kNotFound when it isn't in the store and may not be pulled, or there is no skopeo to do it;
// errors of image::pull_image().
[[nodiscard]] Result<image::Image> find_image(const image::Store& store, const std::string& name,
                                              Pull pull, const image::Progress& progress);

}  // namespace bothy::run
