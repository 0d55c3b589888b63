#include "base/resident.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace bothy {
namespace {

// The first object is the program itself; shared libraries, where there are any, are left alone.
int release_segments(dl_phdr_info* program, std::size_t, void*) noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0) {
      const std::uintptr_t start = (program->dlpi_addr + segment.p_vaddr) & ~(page - 1);
      const std::uintptr_t end = program->dlpi_addr + segment.p_vaddr + segment.p_memsz;
      // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses of the program's headers are numbers
      ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
    }
  }
  return 1;
}

}  // namespace

void release_program_pages() noexcept {
  ::dl_iterate_phdr(release_segments, nullptr);
}

}  // namespace bothy
