// The map of memory that a guest's kernel is told: one list, for both boot protocols.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/guest_memory.h"

namespace bothy::boot {

// The same numbers in an e820 entry (ACPI 6.5, table 15.4) and a PVH memory map (start_info.h).
enum class MemoryType : std::uint32_t { kRam = 1, kReserved = 2, kAcpi = 3 };

struct MemoryMapEntry {
  MemoryRange range;
  MemoryType type = MemoryType::kRam;

  friend bool operator==(const MemoryMapEntry&, const MemoryMapEntry&) = default;
};

// What the kernel may use, sorted: all of RAM but the PC's gap below 1 MiB, where layout.h's ACPI
// tables are.
[[nodiscard]] std::vector<MemoryMapEntry> memory_map(const GuestMemory& memory);

// One past the last byte of RAM below the 32-bit hole, where kernels and initrds go.
[[nodiscard]] GuestAddress low_ram_end(const GuestMemory& memory) noexcept;

}  // namespace bothy::boot
