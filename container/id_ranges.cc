#include "container/id_ranges.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"

namespace bothy::container {
namespace {

constexpr std::uint32_t kSlots = kContainerIds.size / kIdsOfContainer;

// FNV-1a: spreads ids that differ in few digits.
std::uint32_t hash_of(std::string_view text) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return hash;
}

bool overlaps(std::uint32_t start, std::span<const IdRange> taken) noexcept {
  return std::ranges::any_of(taken, [start](const IdRange& range) {
    return range.start < start + kIdsOfContainer &&
           std::uint64_t{start} < std::uint64_t{range.start} + range.size;
  });
}

// A byte of the file for each slot. False when another process holds it.
Result<bool> lock_slot(int fd, std::uint32_t slot, const std::string& path) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = slot;
  range.l_len = 1;
  if (::fcntl(fd, F_OFD_SETLK, &range) == 0) {
    return true;
  }
  if (errno == EAGAIN || errno == EACCES) {
    return false;
  }
  return errno_error("can't lock " + printable(path));
}

}  // namespace

IdMappings ReservedIds::mappings() const {
  const IdMapping all{0, start, kIdsOfContainer};
  return {{all}, {all}};
}

Result<ReservedIds> reserve_ids(const std::string& directory, std::string_view id,
                                std::span<const IdRange> taken) {
  const std::string path = directory + "/ids";
  BOTHY_TRY(UniqueFd fd, open_file(path, O_RDWR | O_CREAT, 0600));
  const std::uint32_t first = hash_of(id) % kSlots;
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    const std::uint32_t slot = (first + i) % kSlots;
    const std::uint32_t start = kContainerIds.start + slot * kIdsOfContainer;
    if (overlaps(start, taken)) {
      continue;
    }
    BOTHY_TRY(const bool locked, lock_slot(fd.get(), slot, path));
    if (locked) {
      return ReservedIds{start, std::move(fd)};
    }
  }
  return make_error(ErrorCode::kExhausted,
                    "no range of {} ids is free for a container: all from {} to {} are in use or "
                    "are subordinate ids of users (--userns host needs none)",
                    kIdsOfContainer, kContainerIds.start,
                    kContainerIds.start + kContainerIds.size - 1);
}

}  // namespace bothy::container
