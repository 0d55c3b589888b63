#include "image/tar/tree_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/files.h"

namespace bothy::image {
namespace {

struct FreeEntry {
  void operator()(archive_entry* entry) const noexcept { archive_entry_free(entry); }
};
struct FreeWriter {
  void operator()(archive* handle) const noexcept { archive_write_free(handle); }
};

class TreeArchiver {
 public:
  TreeArchiver(std::string root, const Progress& progress,
               const std::function<Result<void>(Bytes)>& out)
      : root_(std::move(root)), progress_(progress), out_(out), buffer_(1U << 17U) {}

  Result<void> run() {
    BOTHY_TRY(open_archive());
    BOTHY_TRY(UniqueFd directory, open_file(root_, O_RDONLY | O_DIRECTORY));
    struct stat status {};
    if (::fstat(directory.get(), &status) != 0) {
      return errno_error("can't read the status of " + printable(root_));
    }
    device_ = status.st_dev;
    BOTHY_TRY(add(directory.get(), ".", status));
    BOTHY_TRY(add_entries(directory.get(), ""));
    return close_archive();
  }

  Result<void> run(const ArchiveForm& form) {
    plain_ = true;
    as_root_ = form.as_root;
    BOTHY_TRY(open_archive());
    struct stat status {};
    if (::fstatat(AT_FDCWD, root_.c_str(), &status, form.follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
      return errno_error("can't read the status of " + printable(root_));
    }
    const int links = form.follow ? 0 : O_NOFOLLOW;
    if (!S_ISDIR(status.st_mode)) {
      BOTHY_TRY(add_file(AT_FDCWD, root_, form.name, status, links));
      return close_archive();
    }
    BOTHY_TRY(UniqueFd directory, open_file(root_, O_RDONLY | O_DIRECTORY | links));
    if (!form.name.empty()) {
      BOTHY_TRY(add(directory.get(), form.name, status));
    }
    BOTHY_TRY(add_entries(directory.get(), form.name.empty() ? "" : form.name + "/"));
    return close_archive();
  }

 private:
  Result<void> open_archive() {
    handle_.reset(archive_write_new());
    archive_write_set_format_pax(handle_.get());
    archive_write_set_bytes_per_block(handle_.get(), 0);
    return archive_write_open(handle_.get(), this, nullptr, &TreeArchiver::put, nullptr) ==
                   ARCHIVE_OK
               ? Result<void>(success())
               : failure(root_);
  }

  Result<void> close_archive() {
    return archive_write_close(handle_.get()) == ARCHIVE_OK && !error_ ? Result<void>(success())
                                                                       : failure(root_);
  }

  // libarchive leaks the state of a writer that failed: an error is kept, and found in error_ after
  // each call.
  static la_ssize_t put(archive* /*handle*/, void* context, const void* bytes, std::size_t size) {
    auto& self = *static_cast<TreeArchiver*>(context);
    if (!self.error_) {
      auto result = self.out_(Bytes(static_cast<const std::byte*>(bytes), size));
      if (!result) {
        self.error_ = std::move(result).error();
      }
    }
    return static_cast<la_ssize_t>(size);
  }

  [[nodiscard]] Error failure(const std::string& path) const {
    if (error_) {
      return *error_;
    }
    const char* reason = archive_error_string(handle_.get());
    return make_error(ErrorCode::kSystem, "can't archive {}: {}", printable(path),
                      reason == nullptr ? "unknown error" : reason);
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as paths can be named
  Result<void> add_entries(int directory, const std::string& prefix) {
    BOTHY_TRY(const auto names, list_directory(directory, root_ + "/" + prefix));
    for (const std::string& name : names) {
      const std::string path = prefix + name;
      struct stat status {};
      if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno_error("can't read the status of " + printable(path));
      }
      if (S_ISSOCK(status.st_mode)) {
        continue;
      }
      if (!S_ISDIR(status.st_mode)) {
        BOTHY_TRY(add_file(directory, name, path, status, O_NOFOLLOW));
        continue;
      }
      UniqueFd child(
          ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!child) {
        return errno_error("can't open " + printable(path));
      }
      BOTHY_TRY(add(child.get(), path, status));
      if (plain_ || status.st_dev == device_) {
        BOTHY_TRY(add_entries(child.get(), path + "/"));
      }
    }
    return success();
  }

  Result<void> add_file(int directory, const std::string& name, const std::string& path,
                        const struct stat& status, int links) {
    if (S_ISSOCK(status.st_mode)) {
      return make_error(ErrorCode::kUnsupported, "can't copy {}: sockets are not supported",
                        printable(path));
    }
    // O_PATH for devices, FIFOs and links, which must not or can't be opened.
    const bool regular = S_ISREG(status.st_mode);
    UniqueFd fd(::openat(directory, name.c_str(),
                         (regular ? O_RDONLY | O_NONBLOCK : O_PATH) | links | O_CLOEXEC));
    struct stat opened {};
    if (!fd || ::fstat(fd.get(), &opened) != 0) {
      return errno_error("can't open " + printable(path));
    }
    if (opened.st_ino != status.st_ino || opened.st_dev != status.st_dev) {
      return make_error(ErrorCode::kBusy, "can't archive {}: it changed while being read",
                        printable(path));
    }
    return add(fd.get(), path, opened);
  }

  Result<void> add(int fd, const std::string& path, const struct stat& status) {
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_copy_stat(entry.get(), &status);
    if (as_root_) {
      archive_entry_set_uid(entry.get(), 0);
      archive_entry_set_gid(entry.get(), 0);
    }
    archive_entry_set_pathname(entry.get(), path.c_str());
    // These differ in every copy of a tree.
    archive_entry_unset_atime(entry.get());
    archive_entry_unset_ctime(entry.get());
    archive_entry_set_dev(entry.get(), 0);
    archive_entry_set_ino(entry.get(), 0);
    archive_entry_set_nlink(entry.get(), 1);
    bool content = S_ISREG(status.st_mode);
    bool symlink = S_ISLNK(status.st_mode);
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
      const auto [at, first] = links_.try_emplace({status.st_dev, status.st_ino}, path);
      if (!first) {
        archive_entry_set_hardlink(entry.get(), at->second.c_str());
        archive_entry_set_size(entry.get(), 0);
        content = false;
        symlink = false;
      }
    }
    if (symlink) {
      std::array<char, 4097> target{};
      const ssize_t length = ::readlinkat(fd, "", target.data(), target.size() - 1);
      if (length < 0) {
        return errno_error("can't read " + printable(path));
      }
      archive_entry_set_symlink(entry.get(), target.data());
    }
    if (!plain_) {
      BOTHY_TRY(add_attributes(fd, path, entry.get()));
    }
    if (content && !plain_) {
      BOTHY_TRY(mark_holes(fd, path, status, entry.get()));
    }
    // A warning is about names that are not UTF-8, which libarchive writes unchanged.
    if (archive_write_header(handle_.get(), entry.get()) < ARCHIVE_WARN || error_) {
      return failure(path);
    }
    return content ? copy(fd, path, status.st_size) : success();
  }

  Result<void> add_attributes(int fd, const std::string& path, archive_entry* entry) {
    // This path works for descriptors opened with O_PATH, and names the object itself.
    const std::string link = fmt::format("/proc/self/fd/{}", fd);
    std::string names(1U << 16U, '\0');
    const ssize_t size = ::listxattr(link.c_str(), names.data(), names.size());
    if (size < 0) {
      return errno == EOPNOTSUPP || errno == ENOTSUP
                 ? Result<void>(success())
                 : errno_error("can't read the extended attributes of " + printable(path));
    }
    names.resize(static_cast<std::size_t>(size));
    std::map<std::string, std::string> sorted;
    for (std::size_t start = 0; start < names.size(); start = names.find('\0', start) + 1) {
      const std::string name(names.c_str() + start);
      std::string value(1U << 16U, '\0');
      const ssize_t length = ::getxattr(link.c_str(), name.c_str(), value.data(), value.size());
      if (length < 0) {
        return errno_error("can't read the extended attributes of " + printable(path));
      }
      value.resize(static_cast<std::size_t>(length));
      sorted.emplace(name, std::move(value));
    }
    for (const auto& [name, value] : sorted) {
      archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
    }
    return success();
  }

  // Records the runs of data of a file with holes.
  static Result<void> mark_holes(int fd, const std::string& path, const struct stat& status,
                                 archive_entry* entry) {
    std::vector<std::pair<off_t, off_t>> runs;
    for (off_t at = 0; at < status.st_size;) {
      const off_t start = ::lseek(fd, at, SEEK_DATA);
      if (start < 0 && errno == ENXIO) {
        break;
      }
      const off_t end = start < 0 ? -1 : ::lseek(fd, start, SEEK_HOLE);
      if (end < 0) {
        return errno_error("can't read " + printable(path));
      }
      at = std::min(end, status.st_size);
      runs.emplace_back(start, at - start);
    }
    const bool whole = runs.size() == 1 && runs[0].first == 0 && runs[0].second == status.st_size;
    if (status.st_size == 0 || whole) {
      return success();
    }
    for (const auto& [offset, length] : runs) {
      archive_entry_sparse_add_entry(entry, offset, length);
    }
    if (runs.empty()) {
      archive_entry_sparse_add_entry(entry, status.st_size, 0);
    }
    return success();
  }

  // Passes the zeros of holes too; libarchive leaves them out.
  Result<void> copy(int fd, const std::string& path, off_t size) {
    for (off_t offset = 0; offset < size;) {
      const auto part =
          std::min<std::size_t>(static_cast<std::size_t>(size - offset), buffer_.size());
      const ssize_t count = ::pread(fd, buffer_.data(), part, offset);
      if (count < 0 && errno == EINTR) {
        continue;
      }
      if (count < 0) {
        return errno_error("can't read " + printable(path));
      }
      if (count == 0) {
        return make_error(ErrorCode::kBusy, "can't archive {}: it changed while being read",
                          printable(path));
      }
      if (archive_write_data(handle_.get(), buffer_.data(), static_cast<std::size_t>(count)) < 0 ||
          error_) {
        return failure(path);
      }
      offset += count;
      done_ += static_cast<std::uint64_t>(count);
      if (progress_) {
        progress_("packing " + root_, done_, 0);
      }
    }
    return success();
  }

  std::string root_;
  const Progress& progress_;
  const std::function<Result<void>(Bytes)>& out_;
  std::vector<char> buffer_;
  std::optional<Error> error_;  // of `out_`; outlives the handle, which writes its rest at the end
  std::unique_ptr<archive, FreeWriter> handle_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  dev_t device_ = 0;
  bool plain_ = false;  // as archive_path() says
  bool as_root_ = false;
  std::uint64_t done_ = 0;
};

}  // namespace

Result<void> archive_tree(const std::string& directory, const Progress& progress,
                          const std::function<Result<void>(Bytes)>& out) {
  return TreeArchiver(directory, progress, out).run();
}

Result<void> archive_path(const std::string& path, const ArchiveForm& form,
                          const Progress& progress, const std::function<Result<void>(Bytes)>& out) {
  return TreeArchiver(path, progress, out).run(form);
}

}  // namespace bothy::image
