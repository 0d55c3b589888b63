#include "arch/memory_map.h"

#include <array>
#include <vector>

#include "arch/layout.h"
#include "tests/support/catch.h"

namespace bothy::arch {

using layout::kGiB;
using layout::kMiB;

TEST_CASE("RAM leaves out the hole below 4 GiB") {
  CHECK(ram_ranges(64 * kMiB) == std::vector<MemoryRange>{{0, 64 * kMiB}});
  CHECK(ram_ranges(3 * kGiB) == std::vector<MemoryRange>{{0, 3 * kGiB}});
  CHECK(ram_ranges(3 * kGiB + 4096) == std::vector<MemoryRange>{{0, 3 * kGiB}, {4 * kGiB, 4096}});
  CHECK(ram_ranges(5 * kGiB) == std::vector<MemoryRange>{{0, 3 * kGiB}, {4 * kGiB, 2 * kGiB}});
}

TEST_CASE("The memory map is all of RAM except the gap below 1 MiB") {
  constexpr std::uint64_t kHighRam = 2 * kGiB;
  const std::vector<MemoryMapEntry> expected{
      {{0, 0x9fc00}, MemoryType::kRam},
      {{0xe0000, 0x20000}, MemoryType::kAcpi},
      {{layout::kMiB, layout::kMmioHoleStart - layout::kMiB}, MemoryType::kRam},
      {{layout::kHighRamStart, kHighRam}, MemoryType::kRam}};
  // Only touched pages take memory.
  const std::array ranges{MemoryRange{0, layout::kMmioHoleStart},
                          MemoryRange{layout::kHighRamStart, kHighRam}};
  const GuestMemory memory = GuestMemory::create(ranges, MemoryBacking::kAnonymous).value();
  CHECK(memory_map(memory) == expected);
  CHECK(low_ram_end(memory) == layout::kMmioHoleStart);
}

}  // namespace bothy::arch
