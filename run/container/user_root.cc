// Of an ordinary user: the overlay is mounted in the container's user namespace, so its layers are
// directories of the host.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/user_namespace.h"
#include "container/mount_calls.h"
#include "run/container/root.h"

namespace bothy::run {
namespace {

// An overlay with the option userxattr keeps its own attributes in user.overlay.* of the upper
// directory (Linux, Documentation/filesystems/overlayfs.rst).
Result<void> check_file_system(int upper, const std::string& directory) {
  struct statfs status {};
  const bool stacked = ::fstatfs(upper, &status) == 0 && status.f_type == OVERLAYFS_SUPER_MAGIC;
  constexpr const char* kProbe = "user.bothy";
  if (stacked || ::fsetxattr(upper, kProbe, "", 0, 0) != 0) {
    return make_error(ErrorCode::kUnsupported,
                      "can't keep what a container writes in '{}': its file system {}; name a "
                      "directory of another one by XDG_STATE_HOME or BOTHY_RUN",
                      printable(directory), stacked ? "is an overlay" : "has no user.* attributes");
  }
  ::fremovexattr(upper, kProbe);
  return success();
}

// Colons separate layers, and older kernels split options at commas.
Result<void> check_path(const std::string& path) {
  if (path.size() <= container::NewFileSystem::kMaxValue &&
      path.find_first_of(":,\\") == std::string::npos) {
    return success();
  }
  return make_error(ErrorCode::kInvalid,
                    "can't mount '{}' as a part of an overlay: expected at most {} bytes without "
                    "':', ',' and '\\' (--store, BOTHY_RUN and XDG_STATE_HOME name other places)",
                    printable(path), container::NewFileSystem::kMaxValue);
}

// The overlay's root has the mode and owner of the upper directory: they are the image's. By its
// path: descriptors aren't passed on.
Result<void> copy_owner(const std::string& from, const std::string& to) {
  struct stat status {};
  if (::stat(from.c_str(), &status) != 0 ||
      ::chown(to.c_str(), status.st_uid, status.st_gid) != 0 ||
      ::chmod(to.c_str(), status.st_mode & 07777U) != 0) {
    return errno_error("can't give '" + printable(to) + "' the owner of the image's root");
  }
  return success();
}

bool is_own(const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid() &&
         status.st_gid == ::getegid();
}

}  // namespace

Result<container::OverlayRoot> make_user_root(const image::Tree& tree, const std::string& directory,
                                              int user_namespace) {
  container::OverlayRoot root{tree.path, directory + "/upper", directory + "/work"};
  for (const std::string& path : {root.lower, root.upper}) {
    BOTHY_TRY(check_path(path));
  }
  BOTHY_TRY(make_directories(root.upper));
  BOTHY_TRY(make_directories(root.work));
  BOTHY_TRY(const UniqueFd upper, open_file(root.upper, O_RDONLY | O_DIRECTORY));
  BOTHY_TRY(check_file_system(upper.get(), directory));
  const auto copy = [&] { return copy_owner(root.lower, root.upper); };
  BOTHY_TRY(is_own(root.lower) ? copy() : run_in_user_namespace(user_namespace, copy));
  return root;
}

}  // namespace bothy::run
