// Asking the host for huge pages where much is about to be written.
#pragma once

#include "memory/guest_memory.h"

namespace bothy::boot {

// Advice only: where the host can't, the range stays as it is. Filling a kernel's memory is bound
// by page faults, one per 4 KiB; with huge pages it takes a third of the time, and the guest's own
// accesses miss the TLB less. Only whole huge pages that `range` touches are asked for, so at most
// one page's worth at each end is wasted.
void advise_huge_pages(const GuestMemory& memory, MemoryRange range) noexcept;

}  // namespace bothy::boot
