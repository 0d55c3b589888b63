#include "vmm/boot/memory_map.h"

#include <algorithm>

#include "arch/layout.h"

namespace bothy::boot {

std::vector<MemoryMapEntry> memory_map(const GuestMemory& memory) {
  std::vector<MemoryMapEntry> map;
  const auto add = [&map](GuestAddress start, GuestAddress end, MemoryType type) {
    if (start < end) {
      map.push_back({MemoryRange{start, end - start}, type});
    }
  };
  for (const GuestMemory::Region& region : memory.regions()) {
    const GuestAddress start = region.range.start;
    const GuestAddress end = region.range.end();
    add(start, std::min(end, layout::kLowRamEnd), MemoryType::kRam);
    // The MP table, too: it lies right behind.
    add(std::max(start, layout::kAcpiTables), std::min(end, layout::kHighMemory),
        MemoryType::kAcpi);
    add(std::max(start, layout::kHighMemory), end, MemoryType::kRam);
  }
  return map;
}

GuestAddress low_ram_end(const GuestMemory& memory) noexcept {
  const MemoryRange& first = memory.regions().front().range;
  return first.start == 0 ? std::min(first.end(), layout::kMmioHoleStart) : 0;
}

}  // namespace bothy::boot
