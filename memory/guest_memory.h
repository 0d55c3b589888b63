// GuestMemory: the only way to touch guest memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "base/mapping.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// A guest-physical address, in bytes.
using GuestAddress = std::uint64_t;

// The kind of host memory behind guest memory.
enum class MemoryBacking {
  kAnonymous,   // private anonymous pages: the cheapest
  kShared,      // a memfd, so that another process (vhost-user, virtiofsd) can map it
  kSharedHuge,  // a memfd of 2 MiB huge pages: needs a reserved hugetlb pool
};

// A contiguous range of guest-physical memory.
struct MemoryRange {
  GuestAddress start = 0;
  std::uint64_t size = 0;

  [[nodiscard]] GuestAddress end() const noexcept { return start + size; }
  friend bool operator==(const MemoryRange&, const MemoryRange&) = default;
};

// The guest's RAM as one or several ranges, each backed by one host mapping. Owns the mappings.
//
// Every access checks start *and* length against one range; nothing here ever allocates by a size
// that the guest chose. The layout is fixed at creation, so all functions may be called from any
// thread; the guest may change the bytes at any moment, hence read() copies and a caller never
// reads a value twice to validate it.
class GuestMemory {
 public:
  // Ranges must be sorted, page-aligned, non-empty and disjoint (an assert otherwise: the machine's
  // layout makes them, not a user). Fails with kExhausted when the host can't map that much.
  [[nodiscard]] static Result<GuestMemory> create(std::span<const MemoryRange> ranges,
                                                  MemoryBacking backing);

  struct Region {
    MemoryRange range;
    Mapping mapping;
    std::uint64_t file_offset = 0;  // where the region starts in fd(), for shared backings
  };

  [[nodiscard]] std::span<const Region> regions() const noexcept { return regions_; }
  // The memfd of a shared backing, -1 otherwise. Not owned by the caller.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  // One past the highest byte of RAM.
  [[nodiscard]] GuestAddress end() const noexcept { return regions_.back().range.end(); }

  // True when [address, address + length) lies within one region. Zero length needs a valid address
  // too.
  [[nodiscard]] bool contains(GuestAddress address, std::uint64_t length) const noexcept {
    return find(address, length) != nullptr;
  }

  // The bytes at [address, address + length), or nothing when any of them isn't RAM of one region.
  // The guest may write to them at any time.
  [[nodiscard]] std::optional<std::span<std::byte>> slice(GuestAddress address,
                                                          std::uint64_t length) const noexcept {
    const Region* region = find(address, length);
    if (region == nullptr) {
      return std::nullopt;
    }
    return std::span<std::byte>(region->mapping.data() + (address - region->range.start),
                                static_cast<std::size_t>(length));
  }

  // The address of bytes returned by slice(); nothing for any others.
  [[nodiscard]] std::optional<GuestAddress> address_of(
      std::span<const std::byte> bytes) const noexcept;

  // Returns the pages that lie wholly in [address, address + length) to the host: they read as
  // zeros and are allocated again as the guest touches them. False, without effect, when the range
  // is not RAM of one region, or the host refuses: memory in huge pages can't be returned page by
  // page.
  [[nodiscard]] bool discard(GuestAddress address, std::uint64_t length) const noexcept;

  // A copy of the little-endian object at `address`.
  template <class T>
  [[nodiscard]] std::optional<T> read(GuestAddress address) const noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto bytes = slice(address, sizeof(T));
    if (!bytes) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes->data(), sizeof(T));
    return value;
  }

  // Stores a copy of `value`; false when it doesn't fit into RAM there.
  template <class T>
  [[nodiscard]] bool write(GuestAddress address, const T& value) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    return write_bytes(address, std::as_bytes(std::span(&value, 1)));
  }

  [[nodiscard]] bool write_bytes(GuestAddress address, std::span<const std::byte> data) noexcept {
    const auto bytes = slice(address, data.size());
    if (!bytes) {
      return false;
    }
    if (!data.empty()) {
      std::memcpy(bytes->data(), data.data(), data.size());
    }
    return true;
  }

 private:
  GuestMemory(std::vector<Region> regions, UniqueFd fd, std::uint64_t size,
              MemoryBacking backing) noexcept
      : regions_(std::move(regions)), fd_(std::move(fd)), size_(size), backing_(backing) {}

  // A machine has two or three regions: a linear search is the fastest.
  [[nodiscard]] const Region* find(GuestAddress address, std::uint64_t length) const noexcept {
    for (const Region& region : regions_) {
      const std::uint64_t offset = address - region.range.start;  // huge when below
      if (offset < region.range.size) {
        return length <= region.range.size - offset ? &region : nullptr;
      }
    }
    return nullptr;
  }

  std::vector<Region> regions_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  MemoryBacking backing_;
};

}  // namespace bothy
