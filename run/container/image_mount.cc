#include "run/container/image_mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <utility>

#include "base/files.h"
#include "container/loop_device.h"
#include "container/mount_calls.h"

namespace bothy::run {
namespace {

using container::NewFileSystem;
using image::FileLock;
using image::LockKind;
using image::LockMode;

std::string roots_in(const std::string& directory) {
  return directory + "/roots";
}
std::string lock_in(const std::string& directory) {
  return roots_in(directory) + "/lock";
}
std::string place_of(const std::string& directory, const image::Digest& digest) {
  return roots_in(directory) + "/" + digest.hex();
}

bool is_mounted(const std::string& path) noexcept {
  struct statx status {};
  return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<UniqueFd> mount_erofs(const std::string& source) {
  BOTHY_TRY(NewFileSystem erofs, NewFileSystem::open("erofs"));
  BOTHY_TRY(erofs.set("source", source));
  BOTHY_TRY(erofs.set_flag("ro"));
  return erofs.mount(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
}

// The kernel stacks two file systems at most, and an overlay on this one is the second.
bool is_on_overlay(int fd) noexcept {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == OVERLAYFS_SUPER_MAGIC;
}

// By the file itself, which takes Linux 6.12, or by a loop device.
Result<UniqueFd> mount_disk(const std::string& disk) {
  BOTHY_TRY(const UniqueFd file, open_regular(disk));
  std::string reason;
  if (!is_on_overlay(file.get())) {
    auto mount = mount_erofs(
        disk.size() <= NewFileSystem::kMaxValue ? disk : container::path_of(file.get()));
    if (mount) {
      return mount;
    }
    reason = mount.error().context + "; ";
  }
  auto device = container::make_loop_device(file.get(), true);
  if (!device) {
    return Error{device.error().code, reason + device.error().context};
  }
  return mount_erofs(device.value().path);
}

Result<void> mount_at(const std::string& disk, const std::string& path) {
  auto mounted = [&]() -> Result<void> {
    BOTHY_TRY(make_directories(path));
    BOTHY_TRY(const UniqueFd mount, mount_disk(disk));
    return container::attach_mount(mount.get(), path);
  }();
  if (!mounted) {
    ::rmdir(path.c_str());
    return make_error(mounted.error().code, "can't mount the image's disk '{}': {}",
                      printable(disk), mounted.error().context);
  }
  return success();
}

// Unmounts an image that has no user. Processes may still have files of it open: the kernel lets go
// of the disk with the last one.
void unmount_unused(const std::string& directory, const image::Digest& digest) noexcept {
  const auto alone =
      FileLock::attempt(lock_in(directory), LockKind::kUse, LockMode::kExclusive, digest);
  if (!alone || !alone.value()) {
    return;
  }
  const std::string path = place_of(directory, digest);
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  ::rmdir(path.c_str());
}

}  // namespace

Result<image::Disk> container_disk(const image::Store& store, const image::Image& image,
                                   const image::Progress& progress) {
  BOTHY_TRY(const image::ImageDetails details, store.details(image));
  if (details.manifest.is_disk()) {
    return make_error(ErrorCode::kUnsupported,
                      "can't run '{}' as a container: it is a raw disk, and this host's kernel "
                      "isn't to read file systems of others; run it with --isolation vm",
                      image.title());
  }
  return image::ensure_disk(store, image, image::Limits(), progress);
}

ImageMount::ImageMount(std::string directory, const image::Digest& digest, FileLock use)
    : directory_(std::move(directory)),
      digest_(digest),
      path_(place_of(directory_, digest)),
      use_(std::move(use)) {}

Result<ImageMount> ImageMount::acquire(const std::string& directory, const image::Digest& digest,
                                       const std::string& disk) {
  BOTHY_TRY(make_directories(roots_in(directory)));
  sweep(directory);
  const std::string lock = lock_in(directory);
  BOTHY_TRY(FileLock use, FileLock::wait(lock, LockKind::kUse, LockMode::kShared, digest));
  ImageMount mount(directory, digest, std::move(use));
  if (!is_mounted(mount.path())) {
    BOTHY_TRY(const FileLock alone,
              FileLock::wait(lock, LockKind::kBuild, LockMode::kExclusive, digest));
    if (!is_mounted(mount.path())) {
      BOTHY_TRY(mount_at(disk, mount.path()));
    }
  }
  return mount;
}

// The lock is let go first: of two last users at least one then finds that there is no other.
ImageMount::~ImageMount() {
  const bool owned = use_ && use_->descriptor() >= 0;
  use_.reset();
  if (owned) {
    unmount_unused(directory_, digest_);
  }
}

void ImageMount::sweep(const std::string& directory) noexcept {
  const auto names = list_directory(roots_in(directory));
  for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
    if (const auto digest = image::Digest::parse_hex(name)) {
      unmount_unused(directory, digest.value());
    }
  }
}

}  // namespace bothy::run
