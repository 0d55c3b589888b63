#include "oci/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>

#include "base/files.h"

namespace bothy::oci {
namespace {

std::string below(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

// As the kernel knows it, without links.
Result<std::string> absolute_path(const std::string& directory) {
  const auto opened = open_file(directory, O_PATH | O_DIRECTORY);
  if (!opened) {
    return Error{opened.error().code, "bundle: " + opened.error().context};
  }
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink(fmt::format("/proc/self/fd/{}", opened.value().get()).c_str(),
                                  path.data(), path.size());
  if (size < 0) {
    return errno_error(fmt::format("bundle '{}'", printable(directory)));
  }
  path.resize(static_cast<std::size_t>(size));
  return path;
}

}  // namespace

Result<Bundle> load_bundle(const std::string& directory) {
  Bundle bundle;
  BOTHY_TRY(bundle.directory, absolute_path(directory));
  BOTHY_TRY(bundle.config, read_file(bundle.directory + "/config.json", container::kMaxSpecSize));
  BOTHY_TRY(bundle.spec, container::parse_spec(bundle.config));
  resolve_paths(bundle.spec, bundle.directory);
  return bundle;
}

void resolve_paths(container::OciSpec& spec, const std::string& directory) {
  spec.root.path = below(directory, spec.root.path);
  for (container::Mount& mount : spec.mounts) {
    if (mount.options.is_bind()) {
      mount.source = below(directory, mount.source);
    }
  }
}

void leave_out_missing(container::Process& process, const container::OciSpec& spec) noexcept {
  // In a user namespace of its own the container may have any.
  if (process.capabilities && spec.find(container::NamespaceKind::kUser) == nullptr) {
    container::leave_out_missing(*process.capabilities);
  }
}

}  // namespace bothy::oci
