// The pages that a request of the balloon's driver names, as ranges of guest memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "devices/virtio/queue/queue.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// The balloon's unit, whatever the guest's page size (virtio 1.2, 5.5.6).
inline constexpr std::uint64_t kBalloonPage = 4096;
// What Linux puts into one request. Pages beyond that are not returned to the host.
inline constexpr std::size_t kMaxInflatePages = 256;

// Inflate queue (5.5.6): page numbers. Ranges are sorted and merged, and name each page once. They
// may lie outside RAM.
[[nodiscard]] std::vector<MemoryRange> read_inflate_pages(Reader reader);

// Reporting queue (5.5.6.7): the buffers are the free pages themselves. Parts of pages are left
// out.
[[nodiscard]] std::vector<MemoryRange> read_reported_pages(const Chain& chain,
                                                           const GuestMemory& memory);

}  // namespace bothy::virtio
