#include "container/program_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

namespace bothy::container {
namespace {

constexpr unsigned kExecutable = 0x10;  // MFD_EXEC of Linux 6.3
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

}  // namespace

Result<UniqueFd> make_program_file(const char* name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd file(::memfd_create(name, kFlags | kExecutable));
  if (!file && errno == EINVAL) {
    file.reset(::memfd_create(name, kFlags));
  }
  if (!file) {
    return errno_error("can't make a file in memory for a program");
  }
  return file;
}

Result<void> seal_program_file(int file) {
  return ::fcntl(file, F_ADD_SEALS, kSeals) == 0
             ? Result<void>(success())
             : errno_error("can't seal a program's file in memory");
}

bool is_sealed_program(int file) noexcept {
  const int seals = ::fcntl(file, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals;
}

}  // namespace bothy::container
