#include "image/store/locks.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"

namespace bothy::image {
namespace {

// One byte for each lock; locks of an image are placed by the start of its digest.
std::int64_t place_of(LockKind kind, const Digest& of) noexcept {
  std::uint64_t start = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    start = start << 8U | of.bytes()[i];
  }
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(kind) + 1) << 56U | start);
}

Result<bool> lock(int fd, const std::string& path, LockKind kind, LockMode mode, const Digest& of,
                  int command) {
  struct flock range {};
  range.l_type = mode == LockMode::kShared ? F_RDLCK : F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = place_of(kind, of);
  range.l_len = 1;
  while (::fcntl(fd, command, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return false;
    }
    if (errno != EINTR) {
      return errno_error("can't lock " + printable(path));
    }
  }
  return true;
}

Result<UniqueFd> open_lock(const std::string& path) {
  return open_file(path, O_RDWR | O_CREAT, 0600);
}

}  // namespace

Result<FileLock> FileLock::wait(const std::string& path, LockKind kind, LockMode mode,
                                const Digest& of) {
  BOTHY_TRY(UniqueFd fd, open_lock(path));
  BOTHY_TRY(lock(fd.get(), path, kind, mode, of, F_OFD_SETLKW));
  return FileLock(std::move(fd));
}

Result<std::optional<FileLock>> FileLock::attempt(const std::string& path, LockKind kind,
                                                  LockMode mode, const Digest& of) {
  BOTHY_TRY(UniqueFd fd, open_lock(path));
  BOTHY_TRY(const bool held, lock(fd.get(), path, kind, mode, of, F_OFD_SETLK));
  std::optional<FileLock> result;
  if (held) {
    result = FileLock(std::move(fd));
  }
  return result;
}

}  // namespace bothy::image
