#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace bothy {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

Result<std::vector<std::string>> names_in(UniqueFd fd, const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd.get()));
  if (!directory) {
    return errno_error("can't read the directory " + printable(path));
  }
  static_cast<void>(fd.release());
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name(&entry->d_name[0]);
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  if (errno != 0) {
    return errno_error("can't read the directory " + printable(path));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// remove_tree() for a name in an open directory. It keeps the first failure and goes on.
class TreeRemoval {
 public:
  void remove(int directory, const std::string& name, const std::string& path, int depth) {
    struct statx status {};
    if (::statx(directory, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE,
                &status) != 0) {
      return fail(path, errno);
    }
    // Not by st_dev: on an overlay a file's device is not its directory's.
    if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
      return fail(path, EBUSY);
    }
    const bool is_directory = S_ISDIR(status.stx_mode);
    if (is_directory) {
      remove_content(directory, name, path, depth);
    }
    if (::unlinkat(directory, name.c_str(), is_directory ? AT_REMOVEDIR : 0) != 0) {
      fail(path, errno);
    }
  }
  [[nodiscard]] Result<void> result() const {
    return failure_ ? Result<void>(*failure_) : success();
  }

 private:
  // One descriptor stays open at each level.
  static constexpr int kMaxDepth = 256;

  void remove_content(int parent, const std::string& name, const std::string& path, int depth) {
    if (depth == kMaxDepth) {
      return move_to_top(parent, name, path);
    }
    const UniqueFd fd(
        ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
      return fail(path, errno);
    }
    top_ = depth == 0 ? fd.get() : top_;
    do {
      moved_ = false;
      const auto names = list_directory(fd.get(), path);
      if (!names) {
        failure_ = failure_ ? failure_ : names.error();
        return;
      }
      for (const std::string& each : names.value()) {
        remove(fd.get(), each, fmt::format("{}/{}", path, each), depth + 1);
      }
    } while (depth == 0 && moved_);
  }
  // A tree of any depth is removed in pieces.
  void move_to_top(int parent, const std::string& name, const std::string& path) {
    int result = -1;
    do {
      const std::string place = fmt::format("deep-{}", next_place_++);
      result = ::renameat2(parent, name.c_str(), top_, place.c_str(), RENAME_NOREPLACE);
    } while (result != 0 && errno == EEXIST);
    if (result != 0) {
      return fail(path, errno);
    }
    moved_ = true;
  }
  void fail(const std::string& path, int error_number) {
    if (!failure_ && error_number != ENOENT) {
      failure_ = errno_error(fmt::format("can't remove '{}'", printable(path)), error_number);
    }
  }

  std::optional<Error> failure_;
  int top_ = -1;  // the tree's root directory
  bool moved_ = false;
  std::uint64_t next_place_ = 0;
};

// The size of the first UTF-8 character; 0 for invalid UTF-8 and for control characters, C1's
// included, which command terminals too.
std::size_t shown_letter(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = at(0);
  if (first < 0x80) {
    return first >= 0x20 && first != 0x7f ? 1 : 0;
  }
  const std::size_t size = first < 0xc2 || first > 0xf4 ? 0
                           : first < 0xe0               ? 2
                           : first < 0xf0               ? 3
                                                        : 4;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0U) != 0x80) {
      return 0;
    }
  }
  const bool is_control = first == 0xc2 && at(1) < 0xa0;
  const bool is_overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  return is_control || is_overlong ? 0 : size;
}

struct OpenedFile {
  UniqueFd fd;
  std::uint64_t size = 0;
};

Result<OpenedFile> open_and_stat(const std::string& path) {
  BOTHY_TRY(UniqueFd fd, open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return errno_error("can't stat " + printable(path));
  }
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kBadInput, "{} is not a regular file", printable(path));
  }
  return OpenedFile{std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

}  // namespace

Result<UniqueFd> open_file(const std::string& path, int flags, unsigned mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) {
    return errno_error("can't open " + printable(path));
  }
  return fd;
}

Result<UniqueFd> open_regular(const std::string& path) {
  BOTHY_TRY(OpenedFile opened, open_and_stat(path));
  return std::move(opened.fd);
}

Result<void> set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return errno_error(fmt::format("can't make descriptor {} non-blocking", fd));
  }
  return success();
}

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return errno_error("can't stat " + printable(path));
  }
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::string> read_file(const std::string& path, std::uint64_t limit) {
  BOTHY_TRY(const OpenedFile opened, open_and_stat(path));
  const auto& [fd, size] = opened;
  if (size > limit) {
    return make_error(ErrorCode::kBadInput, "{} has {} bytes: the maximum is {}", printable(path),
                      size, limit);
  }
  std::string content(size, '\0');
  std::size_t got = 0;
  while (got < content.size()) {
    const ssize_t count = ::read(fd.get(), content.data() + got, content.size() - got);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return errno_error("can't read " + printable(path));
    }
    if (count == 0) {
      break;
    }
    got += static_cast<std::size_t>(count);
  }
  content.resize(got);
  return content;
}

Result<void> write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) {
      return errno_error("can't write " + printable(path));
    }
    bytes = bytes.subspan(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  return success();
}

Result<void> write_all_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                          const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno != EINTR) {
      return errno_error("can't write " + printable(path));
    }
    const auto written = count < 0 ? 0 : static_cast<std::size_t>(count);
    bytes = bytes.subspan(written);
    offset += written;
  }
  return success();
}

Result<std::string> read_to_end(int fd, const std::string& path) {
  std::string text;
  std::array<char, 4096> part;
  while (true) {
    const ssize_t count = ::read(fd, part.data(), part.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return errno_error("can't read " + printable(path));
    }
    if (count == 0) {
      return text;
    }
    text.append(part.data(), static_cast<std::size_t>(count));
  }
}

Result<void> replace_file(const std::string& path, std::string_view text, unsigned mode) {
  const std::string fresh = path + ".new";
  {
    BOTHY_TRY(const UniqueFd fd, open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC, mode));
    BOTHY_TRY(write_all(fd.get(), std::as_bytes(std::span(text)), fresh));
  }
  return rename_file(fresh, path);
}

Result<void> sync_data(int fd, const std::string& path) {
  if (::fdatasync(fd) != 0) {
    return errno_error("can't write " + printable(path) + " to disk");
  }
  return success();
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return errno_error("can't rename " + printable(from) + " to " + printable(to));
  }
  return success();
}

Result<void> make_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return errno_error("can't create the directory " + printable(part));
    }
    if (end == std::string::npos) {
      return success();
    }
  }
}

bool exists(const std::string& path) noexcept {
  return ::access(path.c_str(), F_OK) == 0;
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  BOTHY_TRY(UniqueFd fd, open_file(path, O_RDONLY | O_DIRECTORY));
  return names_in(std::move(fd), path);
}

Result<std::vector<std::string>> list_directory(int directory, const std::string& path) {
  // Reading moves the position of a descriptor: this needs one of its own.
  UniqueFd fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return errno_error("can't read the directory " + printable(path));
  }
  return names_in(std::move(fd), path);
}

Result<void> remove_tree(const std::string& path) {
  TreeRemoval removal;
  removal.remove(AT_FDCWD, path, path, 0);
  return removal.result();
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string shown;
  for (std::string_view rest = text.substr(0, limit); !rest.empty();) {
    const std::size_t size = shown_letter(rest);
    if (size == 0) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(rest.front()));
    } else {
      shown += rest.substr(0, size);
    }
    rest.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text.size() > limit ? shown + "..." : shown;
}

}  // namespace bothy
