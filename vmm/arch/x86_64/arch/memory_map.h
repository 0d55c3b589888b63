// Where RAM lies in a guest, and the map of it that its kernel gets: one list for every boot
// protocol.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/guest_memory.h"

namespace bothy::arch {

// The same numbers in an e820 entry (ACPI 6.5, table 15.4) and a PVH memory map (start_info.h).
enum class MemoryType : std::uint32_t { kRam = 1, kReserved = 2, kAcpi = 3 };

struct MemoryMapEntry {
  MemoryRange range;
  MemoryType type = MemoryType::kRam;

  friend bool operator==(const MemoryMapEntry&, const MemoryMapEntry&) = default;
};

// The guest-physical ranges of `size` bytes of RAM, page-aligned: one range up to the hole below
// 4 GiB, and a second one above it for what does not fit.
[[nodiscard]] std::vector<MemoryRange> ram_ranges(std::uint64_t size);

// What the kernel may use, sorted: all of RAM except the PC's gap below 1 MiB, where layout.h puts
// the ACPI tables.
[[nodiscard]] std::vector<MemoryMapEntry> memory_map(const GuestMemory& memory);

// One past the last byte of RAM below the 32-bit hole, where kernels and initrds are loaded.
[[nodiscard]] GuestAddress low_ram_end(const GuestMemory& memory) noexcept;

}  // namespace bothy::arch
