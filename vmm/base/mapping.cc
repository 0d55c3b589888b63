#include "vmm/base/mapping.h"

#include <sys/mman.h>

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

}  // namespace bothy
