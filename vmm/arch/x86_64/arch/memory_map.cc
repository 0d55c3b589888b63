#include "arch/memory_map.h"

#include <algorithm>

#include "arch/layout.h"

namespace bothy::arch {

std::vector<MemoryRange> ram_ranges(std::uint64_t size) {
  const std::uint64_t low = std::min(size, layout::kMmioHoleStart);
  std::vector<MemoryRange> ranges{{0, low}};
  if (size > low) {
    ranges.push_back({layout::kHighRamStart, size - low});
  }
  return ranges;
}

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
    // The MP table lies directly behind the ACPI tables.
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

}  // namespace bothy::arch
