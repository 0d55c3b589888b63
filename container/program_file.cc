#include "container/program_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "container/mount_calls.h"

namespace bothy::container {
namespace {

constexpr unsigned kExecutable = 0x10;  // MFD_EXEC of Linux 6.3
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
constexpr const char* kWhat = "a program's file in memory";

// A tmpfs that is mounted nowhere, and read-only once the file is written. A file that is open for
// writing can't be executed: it is opened anew.
Result<UniqueFd> make_in_file_system(const char* name, std::span<const std::byte> program) {
  BOTHY_TRY(NewFileSystem made, NewFileSystem::open("tmpfs"));
  BOTHY_TRY(const UniqueFd mount, made.mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  UniqueFd writable(
      ::openat(mount.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IXUSR));
  if (!writable) {
    return errno_error("can't make a file for a program");
  }
  BOTHY_TRY(write_all(writable.get(), program, kWhat));
  writable.reset();
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  UniqueFd file(::openat(mount.get(), name, O_RDONLY | O_CLOEXEC));
  if (!file ||
      ::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    return errno_error("can't make a program's file read-only");
  }
  return file;
}

}  // namespace

Result<UniqueFd> make_program_file(const char* name, std::span<const std::byte> program) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd file(::memfd_create(name, kFlags | kExecutable));
  if (!file && errno == EINVAL) {
    file.reset(::memfd_create(name, kFlags));
  }
  if (!file && errno == EACCES) {
    return ::geteuid() == 0 ? make_in_file_system(name, program)
                            : make_error(ErrorCode::kUnsupported,
                                         "can't make a file in memory for a program: the sysctl "
                                         "vm.memfd_noexec is 2 (1 allows it)");
  }
  if (!file) {
    return errno_error("can't make a file in memory for a program");
  }
  BOTHY_TRY(write_all(file.get(), program, kWhat));
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) {
    return errno_error("can't seal a program's file in memory");
  }
  return file;
}

}  // namespace bothy::container
