// ImageMount: an image's disk, mounted once on this host and shared by all of root's containers of
// the image.
//
//   DIRECTORY/roots/lock          locks by image: held shared by each user of a mount (kUse),
//                                 exclusively to mount (kBuild) and to unmount (kUse)
//   DIRECTORY/roots/<digits>/     where the disk of the image with that digest is mounted
//
// A mount is unmounted by its last user; after a user was killed, by the next process that acquires
// a mount, of any image, or sweeps.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "image/import/disk_builder.h"

namespace bothy::run {

// The disk of an image in the store, built when there is none yet (image::ensure_disk).
// kUnsupported for an image that was imported as a raw disk: the host's kernel would have to read a
// file system that somebody else has made, and such a one can attack it.
[[nodiscard]] Result<image::Disk> container_disk(const image::Store& store,
                                                 const image::Image& image,
                                                 const image::Progress& progress);

// Move-only; one thread at a time. A process forked off uses the mount as well: it stays until both
// have destroyed theirs or ended. Made and destroyed in the mount namespace of the host.
class ImageMount {
 public:
  // Mounts the disk, an erofs at an absolute path, unless it is mounted. Any number of processes
  // may do so at once. `directory` is that of this user's instances. kUnsupported, with the remedy,
  // for a kernel that can't.
  [[nodiscard]] static Result<ImageMount> acquire(const std::string& directory,
                                                  const image::Digest& digest,
                                                  const std::string& disk);
  ImageMount(ImageMount&& other) noexcept = default;
  ImageMount& operator=(ImageMount&& other) = delete;
  ImageMount(const ImageMount&) = delete;
  ImageMount& operator=(const ImageMount&) = delete;
  ~ImageMount();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Unmounts what no process uses: after users were killed.
  static void sweep(const std::string& directory) noexcept;

 private:
  ImageMount(std::string directory, const image::Digest& digest, image::FileLock use);

  std::string directory_;
  image::Digest digest_;
  std::string path_;
  std::optional<image::FileLock> use_;
};

}  // namespace bothy::run
