// Input: takes a fuzzer's input apart.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace bothy::fuzz {

// Reads as zeros once it has ended.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> data) : data_(data) {}

  [[nodiscard]] bool ended() const { return data_.empty(); }

  template <class T>
  [[nodiscard]] T take() {
    static_assert(std::is_integral_v<T>);
    T value = 0;
    const std::size_t length = std::min(sizeof(T), data_.size());
    std::memcpy(&value, data_.data(), length);
    data_ = data_.subspan(length);
    return value;
  }
  [[nodiscard]] std::uint8_t byte() { return take<std::uint8_t>(); }
  // From 0 to `end` - 1.
  [[nodiscard]] std::uint8_t below(std::uint8_t end) {
    return static_cast<std::uint8_t>(byte() % end);
  }
  [[nodiscard]] bool flag() { return (byte() & 1U) != 0; }
  void fill(std::span<std::byte> bytes) {
    std::ranges::generate(bytes, [this] { return std::byte{byte()}; });
  }

 private:
  std::span<const std::uint8_t> data_;
};

}  // namespace bothy::fuzz
