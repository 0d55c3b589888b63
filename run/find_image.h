// find_image(): the image to run, from the store, a path or a registry.
#pragma once

#include <string>

#include "base/result.h"
#include "image/store/store.h"
#include "run/run_options.h"

namespace bothy::run {

// `name` is a name or digest in the store; otherwise an existing path of this host, which starts
// with
// "." or "/" or has a "/" in it, and is imported (import_path()); otherwise, as `pull` allows, a
// reference for pull_image(). kNotFound when it is none of them; errors of these functions.
[[nodiscard]] Result<image::Image> find_image(const image::Store& store, const std::string& name,
                                              Pull pull, const image::Progress& progress);

}  // namespace bothy::run
