#include "image/import/import_path.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <span>
#include <utility>

#include "base/files.h"
#include "image/bytes/digest.h"

namespace bothy::image {
namespace {

// Hashes the stat(2) data of a file, or of everything below a directory. A change of content shows
// in the time of modification or, when a program sets that back, of status change.
class StateHasher {
 public:
  Result<void> add(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
      return errno_error("can't read the status of " + printable(path));
    }
    device_ = status.st_dev;
    add("", status);
    return S_ISDIR(status.st_mode) ? add_entries(fd, path) : success();
  }
  void add(std::string_view text) {
    const std::uint64_t size = text.size();
    hash_.update(std::as_bytes(std::span(&size, 1)));
    hash_.update(std::as_bytes(std::span(text)));
  }
  [[nodiscard]] Digest finish() { return hash_.finish(); }

 private:
  void add(std::string_view name, const struct stat& status) {
    add(name);
    const std::array<std::uint64_t, 11> fields{
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_rdev,
        static_cast<std::uint64_t>(status.st_size),
        static_cast<std::uint64_t>(status.st_mtim.tv_sec),
        static_cast<std::uint64_t>(status.st_mtim.tv_nsec),
        static_cast<std::uint64_t>(status.st_ctim.tv_sec),
        static_cast<std::uint64_t>(status.st_ctim.tv_nsec),
    };
    hash_.update(std::as_bytes(std::span(fields)));
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the directory tree, like archive_tree()
  Result<void> add_entries(int directory, const std::string& path) {
    BOTHY_TRY(const auto names, list_directory(directory, path));
    for (const std::string& name : names) {
      const std::string below = path + "/" + name;
      struct stat status {};
      if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno_error("can't read the status of " + printable(below));
      }
      add(name, status);
      // Other file systems mounted in the directory are not part of its image.
      if (!S_ISDIR(status.st_mode) || status.st_dev != device_) {
        continue;
      }
      const UniqueFd child(
          ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!child) {
        return errno_error("can't open " + printable(below));
      }
      BOTHY_TRY(add_entries(child.get(), below));
      add("/");  // the directory's end
    }
    return success();
  }

  Sha256 hash_;
  dev_t device_ = 0;
};

Result<Digest> state_of(const std::string& path, const ImportOptions& options) {
  StateHasher hasher;
  hasher.add(options.platform.value_or(Platform::host()).text());
  hasher.add(options.only);
  BOTHY_TRY(const UniqueFd fd, open_file(path, O_RDONLY | O_NONBLOCK));
  BOTHY_TRY(hasher.add(fd.get(), path));
  return hasher.finish();
}

struct Free {
  void operator()(char* text) const noexcept { std::free(text); }
};

Result<std::string> absolute(const std::string& path) {
  const std::unique_ptr<char, Free> resolved(::realpath(path.c_str(), nullptr));
  if (!resolved) {
    return errno_error("can't open " + printable(path));
  }
  return std::string(resolved.get());
}

}  // namespace

Result<Image> import_path(const Store& store, const std::string& path,
                          const ImportOptions& options) {
  BOTHY_TRY(const std::string source, absolute(path));
  const Digest place = digest_of(source);
  BOTHY_TRY(const Digest state, state_of(source, options));
  const std::optional<ImportedSource> before = store.imported_source(place);
  if (before && before->state == state) {
    if (auto found = store.find(before->manifest.text()); found) {
      return found;
    }
  }
  ImportOptions anonymous = options;
  anonymous.anonymous = true;
  BOTHY_TRY(const auto images, import_image(store, source, anonymous));
  if (images.size() != 1) {
    return make_error(ErrorCode::kInvalid,
                      "{} holds {} images: import them with 'bothy image import' and run one by "
                      "its name",
                      printable(path), images.size());
  }
  const Digest& manifest = images.front().manifest.digest;
  BOTHY_TRY(store.remember_source(place, {state, manifest}));
  if (before && before->manifest != manifest) {
    const auto old = store.find(before->manifest.text());
    if (old && old.value().names.empty()) {
      // An image that is in use stays, for 'bothy image prune'.
      static_cast<void>(store.remove(before->manifest.text(), false));
    }
  }
  return images.front();
}

}  // namespace bothy::image
