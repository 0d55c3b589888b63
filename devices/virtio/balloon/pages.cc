#include "devices/virtio/balloon/pages.h"

#include <algorithm>

namespace bothy::virtio {

std::vector<MemoryRange> read_inflate_pages(Reader reader) {
  std::vector<std::uint32_t> pages;
  while (pages.size() < kMaxInflatePages) {
    const auto page = reader.read<std::uint32_t>();
    if (!page) {
      break;
    }
    pages.push_back(*page);
  }
  // Linux sends neighbouring pages, but in any order.
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

std::vector<MemoryRange> read_reported_pages(const Chain& chain, const GuestMemory& memory) {
  std::vector<MemoryRange> ranges;
  for (const iovec& buffer : chain.writable()) {
    const std::span bytes(static_cast<const std::byte*>(buffer.iov_base), buffer.iov_len);
    const auto address = memory.address_of(bytes);
    if (!address) {
      continue;
    }
    constexpr GuestAddress kPageMask = ~(kBalloonPage - 1);
    const GuestAddress start = (*address + kBalloonPage - 1) & kPageMask;
    const GuestAddress end = (*address + bytes.size()) & kPageMask;
    if (start < end) {
      ranges.push_back({start, end - start});
    }
  }
  return ranges;
}

}  // namespace bothy::virtio
