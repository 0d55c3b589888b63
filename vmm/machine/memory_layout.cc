#include "vmm/machine/memory_layout.h"

#include <algorithm>

#include "arch/layout.h"

namespace bothy {

std::vector<MemoryRange> ram_ranges(std::uint64_t size) {
  const std::uint64_t low = std::min(size, layout::kMmioHoleStart);
  std::vector<MemoryRange> ranges{{0, low}};
  if (size > low) {
    ranges.push_back({layout::kHighRamStart, size - low});
  }
  return ranges;
}

}  // namespace bothy
