#include "devices/virtio/balloon/pages.h"

#include <algorithm>

namespace bothy::virtio {

std::vector<MemoryRange> read_balloon_pages(Reader reader) {
  std::vector<std::uint32_t> pages;
  while (pages.size() < kMostBalloonPages) {
    const auto page = reader.read<std::uint32_t>();
    if (!page) {
      break;
    }
    pages.push_back(*page);
  }
  // Linux takes pages as its allocator has them: neighbours, but in any order.
  std::ranges::sort(pages);
  std::vector<MemoryRange> ranges;
  for (const std::uint32_t page : pages) {
    const GuestAddress address = page * kBalloonPage;
    if (!ranges.empty() && address < ranges.back().end()) {
      continue;  // named twice
    }
    if (!ranges.empty() && address == ranges.back().end()) {
      ranges.back().size += kBalloonPage;
    } else {
      ranges.push_back({address, kBalloonPage});
    }
  }
  return ranges;
}

}  // namespace bothy::virtio
