// ByteRing: a bounded queue of bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace bothy {

// Allocates with the first bytes. Not thread-safe.
class ByteRing {
 public:
  explicit ByteRing(std::size_t capacity) noexcept : capacity_(capacity) {}

  [[nodiscard]] std::size_t size() const noexcept { return used_; }
  [[nodiscard]] std::size_t room() const noexcept { return capacity_ - used_; }

  // Appends the first bytes that fit, and returns how many.
  std::size_t append(std::span<const std::byte> bytes) {
    const std::size_t count = std::min(bytes.size(), room());
    if (count == 0) {
      return 0;
    }
    bytes_.resize(capacity_);
    const std::size_t end = (start_ + used_) % capacity_;
    const std::size_t first = std::min(count, capacity_ - end);
    std::memcpy(bytes_.data() + end, bytes.data(), first);
    std::memcpy(bytes_.data(), bytes.data() + first, count - first);
    used_ += count;
    return count;
  }

  // The oldest bytes that are contiguous, at most `maximum`; empty when there are none.
  [[nodiscard]] std::span<const std::byte> front(std::size_t maximum) const noexcept {
    return std::span(bytes_).subspan(start_, std::min({used_, bytes_.size() - start_, maximum}));
  }
  // Removes the oldest; `count` is at most size().
  void consume(std::size_t count) noexcept {
    start_ = (start_ + count) % capacity_;
    used_ -= count;
  }

 private:
  const std::size_t capacity_;
  std::vector<std::byte> bytes_;
  std::size_t start_ = 0;
  std::size_t used_ = 0;
};

}  // namespace bothy
