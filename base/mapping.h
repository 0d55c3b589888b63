// Mapping: the one owner of an mmap()ed range of this process.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace bothy {

// Move-only; unmaps on destruction.
class Mapping {
 public:
  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  // mmap(nullptr, size, protection, flags, fd, offset). `what` names the mapping in an error.
  [[nodiscard]] static Result<Mapping> map(std::size_t size, int protection, int flags, int fd,
                                           long offset, const std::string& what);

  // The same at an address that is a multiple of `alignment`, a power of two of at least a page.
  [[nodiscard]] static Result<Mapping> map_aligned(std::size_t size, std::size_t alignment,
                                                   int protection, int flags, int fd, long offset,
                                                   const std::string& what);

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  Mapping(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace bothy
