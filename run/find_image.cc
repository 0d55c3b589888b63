#include "run/find_image.h"

#include "base/files.h"
#include "image/import/import_path.h"
#include "image/import/pull.h"

namespace bothy::run {
namespace {

// A name never starts with "." or "/", and a path that has a "/" further on may be a name too: then
// the store and existing files decide.
bool is_path(const std::string& name) {
  return name.starts_with('.') || name.starts_with('/') ||
         (name.find('/') != std::string::npos && exists(name));
}

}  // namespace

Result<image::Image> find_image(const image::Store& store, const std::string& name, Pull pull,
                                const image::Progress& progress) {
  image::ImportOptions options;
  options.progress = progress;
  auto found = store.find(name);
  const bool missing = !found && found.error().code == ErrorCode::kNotFound;
  if (!found && is_path(name)) {
    return image::import_path(store, name, options);
  }
  if (pull == Pull::kNever || (pull == Pull::kMissing && !missing)) {
    return found;
  }
  auto pulled = image::pull_image(store, name, options);
  if (!pulled && missing) {
    const std::string hint =
        exists(name) ? fmt::format("; to run the path, write './{}'", printable(name)) : "";
    return make_error(pulled.error().code, "no image '{}' in the store, and {}{}", printable(name),
                      pulled.error().context, hint);
  }
  if (!pulled) {
    return std::move(pulled).error();
  }
  // An image with a transport of skopeo's may have another name.
  return pulled.value().size() == 1 ? Result<image::Image>(std::move(pulled).value().front())
                                    : store.find(name);
}

}  // namespace bothy::run
