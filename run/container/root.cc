#include "run/container/root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/files.h"
#include "container/loop_device.h"
#include "container/mount_calls.h"
#include "run/container/private_mounts.h"

namespace bothy::run {
namespace {

using container::NewFileSystem;

Result<UniqueFd> image_layer(const ImageMount& image, int user_namespace) {
  BOTHY_TRY(const UniqueFd shared, open_file(image.path(), O_PATH | O_DIRECTORY));
  BOTHY_TRY(UniqueFd layer, container::clone_mount(shared.get()));
  mount_attr attributes{};
  attributes.propagation = MS_PRIVATE;
  if (user_namespace >= 0) {
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<__u64>(user_namespace);
  }
  if (::mount_setattr(layer.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    const Error error = errno_error("can't map the owners of the image's files");
    return make_error(ErrorCode::kUnsupported, "{} (--userns host does without)", error.context);
  }
  return layer;
}

Result<UniqueFd> scratch_layer(const std::string& scratch) {
  if (scratch.empty()) {
    BOTHY_TRY(NewFileSystem memory, NewFileSystem::open("tmpfs"));
    BOTHY_TRY(memory.set("mode", "0755"));
    return memory.mount(0);
  }
  BOTHY_TRY(const UniqueFd file, open_file(scratch, O_RDWR | O_NOFOLLOW));
  BOTHY_TRY(const container::LoopDevice device, container::make_loop_device(file.get(), false));
  BOTHY_TRY(NewFileSystem ext4, NewFileSystem::open("ext4"));
  BOTHY_TRY(ext4.set("source", device.path));
  return ext4.mount(MOUNT_ATTR_NOATIME);
}

struct ScratchDirectories {
  UniqueFd upper;
  UniqueFd work;
};

// The overlay's root has the mode and owner of the upper directory: they are the image's.
Result<ScratchDirectories> make_directories_in(int scratch, int image) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  struct stat status {};
  if (::fstat(image, &status) != 0 || ::mkdirat(scratch, "upper", 0700) != 0 ||
      ::mkdirat(scratch, "work", 0700) != 0) {
    return errno_error("can't make the overlay's directories");
  }
  ScratchDirectories made{UniqueFd(::openat(scratch, "upper", kFlags)),
                          UniqueFd(::openat(scratch, "work", kFlags))};
  if (!made.upper || !made.work || ::fchown(made.upper.get(), status.st_uid, status.st_gid) != 0 ||
      ::fchmod(made.upper.get(), status.st_mode & 07777U) != 0) {
    return errno_error("can't make the overlay's directories");
  }
  return made;
}

// Until Linux 6.15 the layers have to be attached in the namespace of the caller. Nothing has to be
// written to disk for good: what is written ends with the container (volatile).
Result<UniqueFd> mount_overlay(int image, const ScratchDirectories& scratch, unsigned attributes) {
  BOTHY_TRY(NewFileSystem overlay, NewFileSystem::open("overlay"));
  BOTHY_TRY(overlay.set("source", "overlay"));
  BOTHY_TRY(overlay.set("lowerdir", container::path_of(image)));
  BOTHY_TRY(overlay.set("upperdir", container::path_of(scratch.upper.get())));
  BOTHY_TRY(overlay.set("workdir", container::path_of(scratch.work.get())));
  BOTHY_TRY(overlay.set_flag("volatile"));
  return overlay.mount(attributes);
}

Result<UniqueFd> make_overlay(const ImageMount& image, const RootOptions& options) {
  BOTHY_TRY(const UniqueFd lower, image_layer(image, options.user_namespace));
  BOTHY_TRY(const UniqueFd scratch, scratch_layer(options.scratch));
  BOTHY_TRY(PrivateMounts mounts, PrivateMounts::enter());
  if (::mount(nullptr, image.path().c_str(), nullptr, MS_PRIVATE, nullptr) != 0) {
    return errno_error("can't make the image's mount private");
  }
  // Both on one directory: each layer is reached by its descriptor.
  BOTHY_TRY(container::attach_mount(lower.get(), image.path()));
  BOTHY_TRY(container::attach_mount(scratch.get(), image.path()));
  BOTHY_TRY(const ScratchDirectories directories, make_directories_in(scratch.get(), lower.get()));
  // Root in a user namespace can make no devices, and gets none from the image.
  const unsigned attributes = options.user_namespace >= 0 ? MOUNT_ATTR_NODEV : 0;
  BOTHY_TRY(UniqueFd root, mount_overlay(lower.get(), directories, attributes));
  BOTHY_TRY(mounts.leave());
  return root;
}

}  // namespace

Result<UniqueFd> make_root(const ImageMount& image, const RootOptions& options) {
  auto root = make_overlay(image, options);
  if (!root) {
    return Error{root.error().code, "can't make the container's root: " + root.error().context};
  }
  return root;
}

}  // namespace bothy::run
