#include "vmm/boot/image/huge_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace bothy::boot {
namespace {

constexpr std::uint64_t kHugePage = 2ULL << 20U;

}  // namespace

void advise_huge_pages(const GuestMemory& memory, MemoryRange range) noexcept {
  if (range.size < kHugePage / 2) {
    return;
  }
  for (const GuestMemory::Region& region : memory.regions()) {
    const GuestAddress start = std::max(range.start & ~(kHugePage - 1), region.range.start);
    const GuestAddress end =
        std::min((range.end() + kHugePage - 1) & ~(kHugePage - 1), region.range.end());
    if (start < end) {
      ::madvise(region.mapping.data() + (start - region.range.start), end - start, MADV_HUGEPAGE);
    }
  }
}

}  // namespace bothy::boot
