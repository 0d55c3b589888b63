#include "base/resident.h"

#include <link.h>
#include <malloc.h>
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

// What deeper calls have used of the stack, below this one. Parts that aren't mapped are left out
// (madvise(2)), and nothing else is within reach below the main thread's stack.
void release_stack() noexcept {
  constexpr std::uintptr_t kInUse = 8U << 10U;
  constexpr std::uintptr_t kDepth = 256U << 10U;
  if (::gettid() != ::getpid()) {
    return;
  }
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const std::uintptr_t end = (here - kInUse) & ~(page - 1);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the stack is a number
  ::madvise(reinterpret_cast<void*>(end - kDepth), kDepth, MADV_DONTNEED);
}

}  // namespace

void release_program_pages() noexcept {
  ::dl_iterate_phdr(release_segments, nullptr);
}

void release_idle_memory() noexcept {
  ::malloc_trim(0);
  release_stack();
  release_program_pages();
}

}  // namespace bothy
