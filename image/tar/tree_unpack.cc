#include "image/tar/tree_unpack.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "base/files.h"
#include "image/tar/file_tree.h"

namespace bothy::image {
namespace {

constexpr std::uint32_t kPlainBits = 01777;

// A path below the directory: the last part, and the ones before it.
struct Place {
  std::string parent = ".";  // where there is none
  std::string name;          // empty: the directory itself
  [[nodiscard]] std::string path() const { return parent == "." ? name : parent + "/" + name; }
};

class Unpacker {
 public:
  Unpacker(TarReader& archive, int directory, const UnpackForm& form)
      : archive_(archive), directory_(directory), form_(form) {}

  Result<void> run(const TarEntry& first) {
    const TarEntry* entry = &first;
    while (entry != nullptr) {
      BOTHY_TRY(make(*entry));
      BOTHY_TRY(entry, archive_.next());
    }
    return settle_directories();
  }

 private:
  // A new directory, to be given its attributes last: entries change its time, and its mode may
  // forbid adding them.
  struct Made {
    Place place;
    Attributes attributes;
  };

  [[nodiscard]] Result<Place> place_of(const std::string& path) const {
    std::string_view rest = path;
    const auto skip = [&rest](std::size_t count) {
      rest.remove_prefix(std::min(count, rest.size()));
    };
    skip(rest.find_first_not_of('/'));
    const bool leads_out = rest == ".." || rest.starts_with("../");
    skip(rest.find('/'));
    skip(rest.find_first_not_of('/'));
    if (leads_out) {
      return make_error(ErrorCode::kBadInput, "entry '{}' leads out of the archive",
                        printable(path));
    }
    BOTHY_TRY(auto names, split_path(rest));
    if (!form_.name.empty()) {
      names.insert(names.begin(), form_.name);
    }
    Place place;
    for (const std::string_view name : names) {
      if (!place.name.empty()) {
        place.parent = place.path();
      }
      place.name = name;
    }
    return place;
  }

  // No "..", link or magic link leads out of the directory, even if another process changes it
  // meanwhile.
  [[nodiscard]] Result<UniqueFd> open_parent(const Place& place) const {
    open_how how{};
    how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    UniqueFd fd(static_cast<int>(
        ::syscall(SYS_openat2, directory_, place.parent.c_str(), &how, sizeof(how))));
    if (!fd && errno == ELOOP) {
      return make_error(ErrorCode::kInvalid, "can't make {}: a parent directory is a symbolic link",
                        printable(place.path()));
    }
    if (!fd) {
      return errno_error("can't make " + printable(place.path()));
    }
    return fd;
  }

  [[nodiscard]] Result<void> make(const TarEntry& entry) {
    BOTHY_TRY(Place place, place_of(entry.path));
    if (entry.hard_link || entry.type == FileType::kCharacter || entry.type == FileType::kBlock) {
      return make_error(ErrorCode::kUnsupported, "can't copy {}: {}s are not copied to the host",
                        printable(entry.path), entry.hard_link ? "hard link" : "device");
    }
    if (place.name.empty()) {
      return entry.type == FileType::kDirectory
                 ? Result<void>(success())
                 : make_error(ErrorCode::kInvalid,
                              "the archive holds a file: expected a directory");
    }
    BOTHY_TRY(const UniqueFd parent, open_parent(place));
    if (entry.type == FileType::kDirectory) {
      return make_directory(parent.get(), std::move(place), entry.attributes);
    }
    BOTHY_TRY(clear(parent.get(), place));
    switch (entry.type) {
      case FileType::kSymlink:
        if (::symlinkat(entry.link.c_str(), parent.get(), place.name.c_str()) != 0) {
          return failed(place);
        }
        return finish_link(parent.get(), place, entry.attributes);
      case FileType::kFifo:
        if (::mkfifoat(parent.get(), place.name.c_str(), 0600) != 0) {
          return failed(place);
        }
        return finish_at(parent.get(), place, entry.attributes);
      default:
        return write_file(parent.get(), place, entry);
    }
  }

  [[nodiscard]] static Error failed(const Place& place) {
    return errno_error("can't make " + printable(place.path()));
  }

  [[nodiscard]] Result<void> make_directory(int parent, Place place, const Attributes& attributes) {
    if (::mkdirat(parent, place.name.c_str(), 0700) == 0) {
      made_.push_back({std::move(place), attributes});
      return success();
    }
    struct stat status {};
    const bool there =
        errno == EEXIST && ::fstatat(parent, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !S_ISDIR(status.st_mode)) {
      return make_error(ErrorCode::kInvalid,
                        "can't make the directory {}: a file of that name exists",
                        printable(place.path()));
    }
    return there ? Result<void>(success()) : failed(place);
  }

  [[nodiscard]] static Result<void> clear(int parent, const Place& place) {
    if (::unlinkat(parent, place.name.c_str(), 0) == 0 || errno == ENOENT) {
      return success();
    }
    return errno_error("can't replace " + printable(place.path()));
  }

  [[nodiscard]] Result<void> write_file(int parent, const Place& place, const TarEntry& entry) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    const UniqueFd file(::openat(parent, place.name.c_str(), kFlags, 0600));
    if (!file) {
      return failed(place);
    }
    // The size in the header is not trusted: the file grows as its data arrives.
    std::uint64_t written = 0;
    for (;;) {
      BOTHY_TRY(const TarData data, archive_.data());
      if (data.offset != written) {
        return make_error(ErrorCode::kUnsupported, "can't copy {}: sparse files are not supported",
                          printable(entry.path));
      }
      if (data.bytes.empty()) {
        break;
      }
      BOTHY_TRY(write_all(file.get(), data.bytes, place.path()));
      written += data.bytes.size();
    }
    return finish(file.get(), place, entry.attributes);
  }

  [[nodiscard]] static std::array<timespec, 2> times(const Attributes& attributes) {
    return {{{0, UTIME_NOW},
             {attributes.mtime.seconds, static_cast<long>(attributes.mtime.nanoseconds)}}};
  }
  [[nodiscard]] std::uint32_t mode(const Attributes& attributes) const noexcept {
    return attributes.permissions & (form_.owners ? 07777U : kPlainBits);
  }

  // By descriptor, so that it is the file that was made. The owner first: chown(2) clears bits of
  // the mode.
  [[nodiscard]] Result<void> finish(int fd, const Place& place,
                                    const Attributes& attributes) const {
    if ((form_.owners && ::fchown(fd, attributes.uid, attributes.gid) != 0) ||
        ::fchmod(fd, mode(attributes)) != 0 || ::futimens(fd, times(attributes).data()) != 0) {
      return errno_error("can't set owner, mode and time of " + printable(place.path()));
    }
    return success();
  }
  // For a file without an open descriptor; a link in its place is not followed.
  [[nodiscard]] Result<void> finish_at(int parent, const Place& place,
                                       const Attributes& attributes) const {
    const UniqueFd file(
        ::openat(parent, place.name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    return file ? finish(file.get(), place, attributes) : Result<void>(failed(place));
  }
  [[nodiscard]] Result<void> finish_link(int parent, const Place& place,
                                         const Attributes& attributes) const {
    const char* name = place.name.c_str();
    if ((form_.owners &&
         ::fchownat(parent, name, attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0) ||
        ::utimensat(parent, name, times(attributes).data(), AT_SYMLINK_NOFOLLOW) != 0) {
      return errno_error("can't set owner and time of " + printable(place.path()));
    }
    return success();
  }

  // The innermost first: a directory whose mode forbids access is finished after its entries.
  [[nodiscard]] Result<void> settle_directories() const {
    for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
      BOTHY_TRY(const UniqueFd parent, open_parent(made->place));
      BOTHY_TRY(finish_at(parent.get(), made->place, made->attributes));
    }
    return success();
  }

  TarReader& archive_;
  const int directory_;
  const UnpackForm& form_;
  std::vector<Made> made_;
};

}  // namespace

Result<void> unpack_tree(TarReader& archive, const TarEntry& first, int directory,
                         const UnpackForm& form) {
  return Unpacker(archive, directory, form).run(first);
}

}  // namespace bothy::image
