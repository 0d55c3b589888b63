// The note by which an ELF kernel names its PVH entry.
#pragma once

#include <optional>

#include "memory/guest_memory.h"
#include "vmm/boot/image/elf_kernel.h"

namespace bothy::boot {

// The 32-bit entry that the plan's notes name; call it once the plan's pieces are filled.
[[nodiscard]] std::optional<GuestAddress> find_pvh_entry(const ElfPlan& plan);

}  // namespace bothy::boot
