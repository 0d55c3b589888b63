#include "container/init_program.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstddef>
#include <span>

#include "base/files.h"

extern "C" {
extern const std::byte kBothyContainerInitBegin[];
extern const std::byte kBothyContainerInitEnd[];
}

namespace bothy::container {

Result<UniqueFd> open_init_program() {
  UniqueFd file(::memfd_create("init", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) {
    return errno_error("can't make a file in memory for the container's init");
  }
  const std::span program(static_cast<const std::byte*>(kBothyContainerInitBegin),
                          static_cast<const std::byte*>(kBothyContainerInitEnd));
  BOTHY_TRY(write_all(file.get(), program, "the container's init"));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
      0) {
    return errno_error("can't seal the container's init");
  }
  return file;
}

}  // namespace bothy::container
