#include "container/stage/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>  // NOLINT(modernize-deprecated-headers,hicpp-deprecated-headers): no C++ library
#include <stdint.h>  // NOLINT(modernize-deprecated-headers,hicpp-deprecated-headers): likewise
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bothy::container {
namespace {

constexpr int kMaxDepth = 128;
constexpr mode_t kModeBits = 07777;
constexpr size_t kSendSize = 1U << 20U;

// getdents64(2); the name follows.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
};
constexpr size_t kNameOffset = offsetof(DirectoryEntry, type) + 1;

// A descriptor that is closed with it, errno as it was.
class Opened {
 public:
  explicit Opened(int fd) noexcept : fd_(fd) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    const int error = errno;
    if (fd_ >= 0) {
      close(fd_);
    }
    errno = error;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

struct Entry {
  int from;  // the directories
  int to;
  const char* name;
};

long copy_times(const Entry& entry, const struct stat& status) noexcept {
  const timespec times[2] = {status.st_atim, status.st_mtim};
  return utimensat(entry.to, entry.name, times, AT_SYMLINK_NOFOLLOW);
}

// The owner first: that resets bits of the mode. One that the user namespace doesn't map becomes
// root.
long copy_attributes(const Entry& entry, const struct stat& status) noexcept {
  if ((fchownat(entry.to, entry.name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0 &&
       errno != EINVAL) ||
      (!S_ISLNK(status.st_mode) &&
       fchmodat(entry.to, entry.name, status.st_mode & kModeBits, 0) != 0)) {
    return -1;
  }
  return copy_times(entry, status);
}

long copy_file(const Entry& entry) noexcept {
  // Not blocking: what is there now may be a FIFO.
  const Opened from(
      openat(entry.from, entry.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const Opened to(openat(entry.to, entry.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (from.get() < 0 || to.get() < 0) {
    return -1;
  }
  ssize_t sent = 0;
  do {
    sent = sendfile(to.get(), from.get(), nullptr, kSendSize);
  } while (sent > 0 || (sent < 0 && errno == EINTR));
  return sent;
}

long copy_link(const Entry& entry) noexcept {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(entry.from, entry.name, target, sizeof(target) - 1);
  if (size < 0) {
    return -1;
  }
  target[size] = '\0';
  return symlinkat(target, entry.to, entry.name);
}

long copy_entries(int from, int to, int depth) noexcept;

long copy_subdirectory(const Entry& entry, int depth) noexcept {
  if (depth == kMaxDepth) {
    errno = ELOOP;
    return -1;
  }
  if (mkdirat(entry.to, entry.name, 0700) != 0) {
    return -1;
  }
  constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const Opened from(openat(entry.from, entry.name, kFlags));
  const Opened to(openat(entry.to, entry.name, kFlags));
  if (from.get() < 0 || to.get() < 0) {
    return -1;
  }
  return copy_entries(from.get(), to.get(), depth + 1);
}

long copy_entry(const Entry& entry, int depth) noexcept {
  struct stat status {};
  if (fstatat(entry.from, entry.name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return -1;
  }
  long made = -1;
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
      made = copy_subdirectory(entry, depth);
      break;
    case S_IFREG:
      made = copy_file(entry);
      break;
    case S_IFLNK:
      made = copy_link(entry);
      break;
    default:
      made = mknodat(entry.to, entry.name, status.st_mode & S_IFMT, status.st_rdev);
      if (made != 0 && errno == EPERM) {
        return 0;  // a device, in a user namespace
      }
      break;
  }
  return made != 0 ? made : copy_attributes(entry, status);
}

long copy_entries(int from, int to, int depth) noexcept {
  const Opened directory(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) {
    return -1;
  }
  alignas(DirectoryEntry) char buffer[4096];
  for (;;) {
    const long size = syscall(SYS_getdents64, directory.get(), buffer, sizeof(buffer));
    if (size <= 0) {
      return size;
    }
    for (long at = 0; at < size;) {
      const auto* each = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      const char* name = buffer + at + kNameOffset;
      at += each->size;
      const bool is_itself = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
      if (!is_itself && copy_entry({directory.get(), to, name}, depth) != 0) {
        return -1;
      }
    }
  }
}

}  // namespace

long copy_directory(int from, int to, long parts) noexcept {
  if (from < 0) {
    return 0;
  }
  if ((parts & kCopyMode) != 0) {
    struct stat status {};
    if (fstatat(from, "", &status, AT_EMPTY_PATH) != 0 ||
        fchmodat(to, ".", status.st_mode & kModeBits, 0) != 0) {
      return -1;
    }
  }
  return (parts & kCopyContent) != 0 ? copy_entries(from, to, 0) : 0;
}

}  // namespace bothy::container
