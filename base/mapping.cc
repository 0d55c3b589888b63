#include "base/mapping.h"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace bothy {

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) {
    ::munmap(data_, size_);
  }
}

Result<Mapping> Mapping::map(std::size_t size, int protection, int flags, int fd, long offset,
                             const std::string& what) {
  void* address = ::mmap(nullptr, size, protection, flags, fd, offset);
  if (address == MAP_FAILED) {
    return errno_error(what);
  }
  return Mapping(static_cast<std::byte*>(address), size);
}

Result<Mapping> Mapping::map_aligned(std::size_t size, std::size_t alignment, int protection,
                                     int flags, int fd, long offset, const std::string& what) {
  const std::size_t room = size + alignment;
  if (room < size) {
    return errno_error(what, ENOMEM);
  }
  BOTHY_TRY(Mapping reserved,
            map(room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, what));
  void* end = reserved.data() + room;
  void* start = reserved.data();
  std::size_t left = room;
  std::align(alignment, size, start, left);
  if (::mmap(start, size, protection, flags | MAP_FIXED, fd, offset) == MAP_FAILED) {
    return errno_error(what);
  }
  // Release what was reserved before and after the mapping.
  std::byte* const first = std::exchange(reserved.data_, nullptr);
  std::byte* const mapped = static_cast<std::byte*>(start);
  if (mapped != first) {
    ::munmap(first, static_cast<std::size_t>(mapped - first));
  }
  if (mapped + size != end) {
    ::munmap(mapped + size, static_cast<std::size_t>(static_cast<std::byte*>(end) - mapped) - size);
  }
  return Mapping(mapped, size);
}

}  // namespace bothy
