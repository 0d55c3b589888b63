#include "image/import/image_layers.h"

#include <utility>

#include "base/files.h"
#include "image/bytes/byte_source.h"
#include "image/import/importers.h"

namespace bothy::image {

Result<std::vector<UniqueFd>> open_layers(const Store& store, const ImageDetails& details) {
  std::vector<UniqueFd> files;
  for (const Descriptor& layer : details.manifest.layers) {
    BOTHY_TRY(UniqueFd file, open_regular(store.blob_path(layer.digest)));
    files.push_back(std::move(file));
  }
  return files;
}

Result<void> apply_layers(std::vector<UniqueFd> files, const ImageDetails& details, FileTree& tree,
                          ContentSink& sink, Budget& budget, const Progress& progress) {
  const auto& layers = details.manifest.layers;
  if (layers.size() != details.config.diff_ids.size()) {
    return make_error(ErrorCode::kBadInput, "the manifest has {} layers, but the config has {}",
                      layers.size(), details.config.diff_ids.size());
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    FileSource file(std::move(files[i]), layers[i].digest.text());
    ReportingSource reporting(file, progress,
                              fmt::format("unpacking layer {} of {}", i + 1, layers.size()),
                              layers[i].size);
    const auto in_context = [&](const Error& error) {
      return Error{error.code, "layer " + layers[i].digest.brief() + ": " + error.context};
    };
    auto diff_id = apply_layer(reporting, tree, sink, budget);
    if (!diff_id) {
      return in_context(diff_id.error());
    }
    if (diff_id.value() != details.config.diff_ids[i]) {
      return in_context(make_error(ErrorCode::kBadInput,
                                   "the layer unpacks to {}, but the config says {}",
                                   diff_id.value().text(), details.config.diff_ids[i].text()));
    }
  }
  return success();
}

}  // namespace bothy::image
