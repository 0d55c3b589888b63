// The multiprocessor table (Intel MultiProcessor Specification 1.4): how a guest without ACPI finds
// its processors and interrupts.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::arch {

// Writes the table to layout::kMpTable, where a guest's search of the BIOS area finds it: `vcpus`
// processors with APIC ids 0, 1, 2..., and an ISA bus on one I/O APIC, each line on the pin of its
// number.
//
// kInvalid when the number of vCPUs can't be expressed (none, or more than 255), kExhausted when
// there is no RAM for it.
[[nodiscard]] Result<void> write_mp_table(std::uint32_t vcpus, GuestMemory& memory);

}  // namespace bothy::arch
