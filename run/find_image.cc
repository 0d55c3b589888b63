#include "run/find_image.h"

#include "base/files.h"
#include "image/import/pull.h"

namespace bothy::run {

Result<image::Image> find_image(const image::Store& store, const std::string& name, Pull pull,
                                const image::Progress& progress) {
  auto found = store.find(name);
  const bool missing = !found && found.error().code == ErrorCode::kNotFound;
  if (pull == Pull::kNever || (pull == Pull::kMissing && !missing)) {
    return found;
  }
  image::ImportOptions options;
  options.progress = progress;
  auto pulled = image::pull_image(store, name, options);
  if (!pulled && missing) {
    return make_error(pulled.error().code, "there is no image '{}', and it can't be pulled: {}",
                      printable(name), pulled.error().context);
  }
  if (!pulled) {
    return std::move(pulled).error();
  }
  // One by a transport of skopeo's has a name of its own.
  return pulled.value().size() == 1 ? Result<image::Image>(std::move(pulled).value().front())
                                    : store.find(name);
}

}  // namespace bothy::run
