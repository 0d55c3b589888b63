#include "devices/host/disk/lock.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/log.h"

namespace bothy {
namespace {

constexpr off_t kUses = 100;
constexpr off_t kDenies = 200;
// Permissions, by QEMU's numbers.
constexpr off_t kRead = 0;
constexpr off_t kWrite = 1;
constexpr off_t kResize = 3;

struct flock at(off_t byte, int type) noexcept {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

// 0 or an errno value.
int hold(int fd, off_t byte) noexcept {
  struct flock lock = at(byte, F_RDLCK);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

bool held_by_others(int fd, off_t byte) noexcept {
  struct flock lock = at(byte, F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

Result<void> lock_disk(int fd, const std::string& path, bool writer) {
  const std::array held{kUses + kRead, kDenies + kWrite, kDenies + kResize, kUses + kWrite};
  for (const off_t byte : std::span(held).first(writer ? 4 : 3)) {
    const int error = hold(fd, byte);
    if (error == EAGAIN || error == EACCES) {
      break;  // another program's exclusive lock, which the check below finds
    }
    if (error != 0) {
      log(LogLevel::kWarning, "can't lock disk '{}': {}; other programs can write to it meanwhile",
          path, std::strerror(error));
      return success();
    }
  }
  const std::array refused{kUses + kWrite, kUses + kResize, kDenies + kRead, kDenies + kWrite};
  for (const off_t byte : std::span(refused).first(writer ? 4 : 3)) {
    if (held_by_others(fd, byte)) {
      return make_error(
          ErrorCode::kBusy,
          "disk '{}' is in use by another program{}: end that program first, or open the disk "
          "read-only in both (,ro)",
          path, writer ? "" : ", which writes to it");
    }
  }
  return success();
}

void unlock_disk(int fd) noexcept {
  struct flock lock = at(kUses, F_UNLCK);
  lock.l_len = 0;  // to the end
  static_cast<void>(::fcntl(fd, F_OFD_SETLK, &lock));
}

}  // namespace bothy
