#include "memory/guest_memory.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cassert>

namespace bothy {
namespace {

constexpr std::uint64_t kPageSize = 4096;
constexpr std::size_t kHugePageSize = 2ULL << 20U;

[[maybe_unused]] bool well_formed(std::span<const MemoryRange> ranges) {
  GuestAddress previous_end = 0;
  for (const MemoryRange& range : ranges) {
    if (range.size == 0 || range.start < previous_end || range.start % kPageSize != 0 ||
        range.size % kPageSize != 0 || range.end() < range.start) {
      return false;
    }
    previous_end = range.end();
  }
  return !ranges.empty();
}

Result<UniqueFd> create_memfd(std::uint64_t size, bool huge) {
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0U);
  UniqueFd fd(::memfd_create("bothy-guest-memory", flags));
  if (!fd) {
    return errno_error("can't create a memory file for the guest's memory");
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    return errno_error(fmt::format("can't size the guest's memory file to {} MiB", size >> 20U));
  }
  // A peer that the descriptor is passed to can't shrink memory from under the running guest.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return errno_error("can't seal the guest's memory file");
  }
  return fd;
}

// The failed operation, for an error.
std::string describe(std::uint64_t total, MemoryBacking backing) {
  if (backing == MemoryBacking::kSharedHuge) {
    return fmt::format(
        "can't map {} MiB of guest memory in huge pages: the pool must have {} free ones of 2 MiB "
        "(/proc/sys/vm/nr_hugepages)",
        total >> 20U, (total + kHugePageSize - 1) / kHugePageSize);
  }
  return fmt::format("can't map {} MiB of guest memory", total >> 20U);
}

}  // namespace

Result<GuestMemory> GuestMemory::create(std::span<const MemoryRange> ranges,
                                        MemoryBacking backing) {
  assert(well_formed(ranges));
  std::uint64_t total = 0;
  for (const MemoryRange& range : ranges) {
    total += range.size;
  }

  UniqueFd fd;
  // NORESERVE: a guest seldom touches all of its memory, and many guests share a host.
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (backing != MemoryBacking::kAnonymous) {
    BOTHY_TRY(fd, create_memfd(total, backing == MemoryBacking::kSharedHuge));
    // Except for huge pages: one that the pool lacks at the first touch would kill the monitor.
    flags = MAP_SHARED | (backing == MemoryBacking::kSharedHuge ? 0 : MAP_NORESERVE);
  }

  std::vector<Region> regions;
  std::uint64_t offset = 0;
  for (const MemoryRange& range : ranges) {
    // Aligned: KVM maps a huge page of the host as one of the guest's only where their alignments
    // agree, and kernels before 6.7 do not align mappings themselves.
    assert(range.start % kHugePageSize == 0);
    auto mapping = Mapping::map_aligned(static_cast<std::size_t>(range.size), kHugePageSize,
                                        PROT_READ | PROT_WRITE, flags, fd.get(),
                                        static_cast<long>(offset), describe(total, backing));
    if (!mapping) {
      return std::move(mapping).error();
    }
    // Keeps guest memory out of a core dump of the monitor.
    ::madvise(mapping.value().data(), mapping.value().size(), MADV_DONTDUMP);
    regions.push_back(Region{range, std::move(mapping).value(), offset});
    offset += range.size;
  }
  return GuestMemory(std::move(regions), std::move(fd), total, backing);
}

std::optional<GuestAddress> GuestMemory::address_of(
    std::span<const std::byte> bytes) const noexcept {
  for (const Region& region : regions_) {
    const std::byte* start = region.mapping.data();
    if (bytes.data() >= start && bytes.data() + bytes.size() <= start + region.range.size) {
      return region.range.start + static_cast<std::uint64_t>(bytes.data() - start);
    }
  }
  return std::nullopt;
}

bool GuestMemory::discard(GuestAddress address, std::uint64_t length) const noexcept {
  const Region* region = find(address, length);
  if (region == nullptr || backing_ == MemoryBacking::kSharedHuge) {
    return false;
  }
  const GuestAddress first = (address + kPageSize - 1) & ~(kPageSize - 1);
  const GuestAddress end = (address + length) & ~(kPageSize - 1);
  if (first >= end) {
    return true;
  }
  const std::uint64_t offset = first - region->range.start;
  if (backing_ == MemoryBacking::kShared) {
    // Unmapping alone would leave the pages in the file.
    return ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       static_cast<off_t>(region->file_offset + offset),
                       static_cast<off_t>(end - first)) == 0;
  }
  return ::madvise(region->mapping.data() + offset, end - first, MADV_DONTNEED) == 0;
}

}  // namespace bothy
