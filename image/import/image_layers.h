// apply_layers(): all layers of an image in the store, merged.
#pragma once

#include "image/store/store.h"
#include "image/tar/layer.h"

namespace bothy::image {

// Applies the layers, the lowest first, with their content checked against the config's diff IDs.
// An error names the layer.
[[nodiscard]] Result<void> apply_layers(const Store& store, const ImageDetails& details,
                                        FileTree& tree, ContentSink& sink, Budget& budget,
                                        const Progress& progress);

}  // namespace bothy::image
