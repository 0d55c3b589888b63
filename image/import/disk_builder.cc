#include "image/import/disk_builder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/files.h"
#include "image/bytes/byte_source.h"
#include "image/confined/child.h"
#include "image/erofs/writer.h"
#include "image/import/image_layers.h"

namespace bothy::image {
namespace {

constexpr unsigned kReadOnly = 0444;

Result<void> build(const Store& store, const Image& image, const ImageDetails& details,
                   const Limits& limits, const Progress& progress, int fd,
                   const std::string& path) {
  std::vector<UniqueFd> layers;
  ConfinedWork work;
  work.failure = "the image's disk couldn't be built";
  work.limits = limits;
  work.progress = progress;
  work.descriptors[kFirstConfinedFd] = fd;
  work.prepare = [&]() -> Result<void> {
    BOTHY_TRY(layers, open_layers(store, details));
    return success();
  };
  work.run = [&](ParentLink& link) -> Result<std::string> {
    ErofsWriter writer(kFirstConfinedFd, path);
    Budget budget(limits);
    FileTree tree(budget, [&](const Inode& inode) { writer.discard(inode); });
    BOTHY_TRY(apply_layers(std::move(layers), details, tree, writer, budget, progress_on(link)));
    BOTHY_TRY(writer.finish(tree, image.manifest.digest));
    return std::string();
  };
  BOTHY_TRY(run_confined(work));
  return success();
}

// Builds the disk in a stage, then moves it to `place`.
Result<void> build_cached(const Store& store, const Image& image, const ImageDetails& details,
                          const Limits& limits, const Progress& progress,
                          const std::string& place) {
  BOTHY_TRY(const Addition addition, store.begin());
  const std::string path = addition.stage.path() + "/disk";
  BOTHY_TRY(const UniqueFd fd, open_file(path, O_RDWR | O_CREAT | O_EXCL, kReadOnly));
  if (auto built = build(store, image, details, limits, progress, fd.get(), path); !built) {
    return Error{built.error().code,
                 "can't build the disk of '" + image.title() + "': " + built.error().context};
  }
  BOTHY_TRY(sync_data(fd.get(), path));
  return rename_file(path, place);
}

// Copies the next run of data; false when there is none.
Result<bool> copy_run(int from, int to, off_t& at, const std::string& path) {
  const off_t start = ::lseek(from, at, SEEK_DATA);
  if (start < 0 && errno == ENXIO) {
    return false;
  }
  const off_t end = start < 0 ? -1 : ::lseek(from, start, SEEK_HOLE);
  if (end < 0) {
    return errno_error("can't read the image's disk");
  }
  std::vector<std::byte> buffer(1U << 18U);
  for (at = start; at < end;) {
    const auto part = std::min<std::size_t>(static_cast<std::size_t>(end - at), buffer.size());
    const ssize_t count = ::pread(from, buffer.data(), part, at);
    if (count <= 0) {
      return errno_error("can't read the image's disk");
    }
    BOTHY_TRY(write_all_at(to, Bytes(buffer).first(static_cast<std::size_t>(count)),
                           static_cast<std::uint64_t>(at), path));
    at += count;
  }
  return true;
}

}  // namespace

Result<Disk> ensure_disk(const Store& store, const Image& image, const Limits& limits,
                         const Progress& progress) {
  const Digest& digest = image.manifest.digest;
  BOTHY_TRY(FileLock use, store.use(digest));
  // The image may have been removed since the caller found it; now it can't be.
  BOTHY_TRY(store.find(digest.text()));
  BOTHY_TRY(const ImageDetails details, store.details(image));
  if (details.manifest.is_disk()) {
    return Disk{store.blob_path(details.manifest.layers.front().digest), std::move(use), false};
  }
  std::string path = store.disk_path(digest);
  if (exists(path)) {
    return Disk{std::move(path), std::move(use), false};
  }
  BOTHY_TRY(const FileLock alone,
            FileLock::wait(store.lock_path(), LockKind::kBuild, LockMode::kExclusive, digest));
  const bool missing = !exists(path);
  if (missing) {
    BOTHY_TRY(build_cached(store, image, details, limits, progress, path));
  }
  return Disk{std::move(path), std::move(use), missing};
}

Result<void> copy_disk(const Disk& disk, const std::string& path) {
  BOTHY_TRY(const UniqueFd from, open_regular(disk.path));
  BOTHY_TRY(const std::uint64_t size, size_of(from.get(), disk.path));
  std::string next = path + ".XXXXXX";
  UniqueFd to(::mkostemp(next.data(), O_CLOEXEC));
  if (!to) {
    return errno_error("can't write " + printable(path));
  }
  auto copied = [&]() -> Result<void> {
    if (::ftruncate(to.get(), static_cast<off_t>(size)) != 0 || ::fchmod(to.get(), 0644) != 0) {
      return errno_error("can't write " + printable(path));
    }
    for (off_t at = 0;;) {
      BOTHY_TRY(const bool more, copy_run(from.get(), to.get(), at, path));
      if (!more) {
        break;
      }
    }
    return rename_file(next, path);
  }();
  if (!copied) {
    ::unlink(next.c_str());
  }
  return copied;
}

}  // namespace bothy::image
