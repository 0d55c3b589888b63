// import_path(): the image of a file or directory of this host, imported once and found again.
#pragma once

#include <string>

#include "base/result.h"
#include "image/import/import.h"
#include "image/store/store.h"

namespace bothy::image {

// The image of `path`, which is anything that import_image() takes but "-" and must hold exactly
// one image (or the one that `options.only` names). The image gets no name. While the path's
// content is unchanged, a second call returns the same image without reading that content: the
// store remembers inode numbers, sizes, modes, owners and times of modification and status change
// of the file, or of everything in the directory. When the content has changed, the path is
// imported anew, and its previous image is removed, unless that image has a name or is in use.
//
// Errors: kNotFound for a missing path; those of import_image(). May be called by any thread and by
// several processes at once.
[[nodiscard]] Result<Image> import_path(const Store& store, const std::string& path,
                                        const ImportOptions& options);

}  // namespace bothy::image
