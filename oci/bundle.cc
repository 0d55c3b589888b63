#include "oci/bundle.h"

#include <filesystem>
#include <system_error>

#include "base/files.h"

namespace bothy::oci {
namespace {

std::string below(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

}  // namespace

Result<Bundle> load_bundle(const std::string& directory) {
  std::error_code error;
  const auto absolute = std::filesystem::canonical(directory, error);
  if (error) {
    return make_error(ErrorCode::kNotFound, "bundle '{}': {}", printable(directory),
                      error.message());
  }
  Bundle bundle;
  bundle.directory = absolute.string();
  BOTHY_TRY(const std::string text,
            read_file(bundle.directory + "/config.json", container::kMaxSpecSize));
  BOTHY_TRY(bundle.spec, container::parse_spec(text));
  bundle.spec.root.path = below(bundle.directory, bundle.spec.root.path);
  for (container::Mount& mount : bundle.spec.mounts) {
    if (mount.options.is_bind()) {
      mount.source = below(bundle.directory, mount.source);
    }
  }
  return bundle;
}

}  // namespace bothy::oci
