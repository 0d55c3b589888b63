// Where a machine's RAM lies for a given size of it.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/guest_memory.h"

namespace bothy {

// One range up to the hole below 4 GiB, and a second one above it for what doesn't fit. `size` is
// page-aligned.
[[nodiscard]] std::vector<MemoryRange> ram_ranges(std::uint64_t size);

}  // namespace bothy
