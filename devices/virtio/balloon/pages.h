// BalloonPages: pages that a guest gives up, gathered into ranges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/virtio/queue/buffers.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// What the balloon counts in, whatever the guest's own pages (virtio 1.2, 5.5.6).
inline constexpr std::uint64_t kBalloonPage = 4096;
// One request names no more pages than this; those behind them stay the guest's. It is what Linux
// names: each may cost a system call, and other devices wait meanwhile.
inline constexpr std::size_t kMostBalloonPages = 256;

// Reads page numbers until there are no more, and gives the ranges that they make up: sorted,
// merged, each page once. Pages outside RAM aren't looked for here.
[[nodiscard]] std::vector<MemoryRange> read_balloon_pages(Reader reader);

}  // namespace bothy::virtio
