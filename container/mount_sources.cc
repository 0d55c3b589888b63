#include "container/mount_sources.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <utility>

#include "base/files.h"

namespace bothy::container {
namespace {

Result<void> map_ids(const UniqueFd& tree, const Mount& mount, int user_namespace) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<__u64>(user_namespace);
  const unsigned recursive = mount.options.recursive_idmap ? AT_RECURSIVE : 0U;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | recursive, &attributes, sizeof(attributes)) !=
      0) {
    const Error error =
        errno_error(fmt::format("can't map the owners of the files in '{}' to those of the "
                                "container",
                                printable(mount.source)));
    return make_error(ErrorCode::kUnsupported,
                      "{} (a file system there doesn't support it; --userns host does without)",
                      error.context);
  }
  return success();
}

}  // namespace

Result<UniqueFd> open_mount_source(const Mount& mount, int user_namespace) {
  const unsigned recursive = mount.options.recursive_bind ? AT_RECURSIVE : 0U;
  UniqueFd tree(
      ::open_tree(AT_FDCWD, mount.source.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive));
  if (!tree) {
    return errno_error(fmt::format("can't mount '{}' on '{}'", printable(mount.source),
                                   printable(mount.destination)));
  }
  if (mount.options.idmap || mount.options.recursive_idmap) {
    BOTHY_TRY(map_ids(tree, mount, user_namespace));
  }
  return tree;
}

Result<std::vector<UniqueFd>> open_mount_sources(const OciSpec& spec, int user_namespace) {
  std::vector<UniqueFd> sources(spec.mounts.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (spec.mounts[i].options.is_bind()) {
      BOTHY_TRY(sources[i], open_mount_source(spec.mounts[i], user_namespace));
    }
  }
  return sources;
}

}  // namespace bothy::container
