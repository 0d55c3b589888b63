// apply_layers(): all layers of an image in the store, merged, in a confined child.
#pragma once

#include <vector>

#include "base/unique_fd.h"
#include "image/store/store.h"
#include "image/tar/layer.h"

namespace bothy::image {

// The layers' files, opened, the lowest first.
[[nodiscard]] Result<std::vector<UniqueFd>> open_layers(const Store& store,
                                                        const ImageDetails& details);

// Applies the layers, with their content checked against the config's diff IDs. Closes their files.
// An error names the layer.
[[nodiscard]] Result<void> apply_layers(std::vector<UniqueFd> files, const ImageDetails& details,
                                        FileTree& tree, ContentSink& sink, Budget& budget,
                                        const Progress& progress);

}  // namespace bothy::image
