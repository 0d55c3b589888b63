// WireWriter, WireReader: numbers and texts as bytes, between bothy and its confined children. What
// a child sends may be hostile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/bytes/digest.h"

namespace bothy::image {

class WireWriter {
 public:
  void number(std::uint64_t value);
  void text(std::string_view value);
  void digest(const Digest& value);
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads in the order of writing. kBadInput for what ends too early or is too long.
class WireReader {
 public:
  // `bytes` must outlive the reader.
  explicit WireReader(std::string_view bytes) noexcept : left_(bytes) {}

  [[nodiscard]] Result<std::uint64_t> number();
  [[nodiscard]] Result<std::string> text(std::size_t limit);
  [[nodiscard]] Result<Digest> digest();
  [[nodiscard]] bool at_end() const noexcept { return left_.empty(); }

 private:
  [[nodiscard]] Result<std::string_view> bytes(std::size_t count);

  std::string_view left_;
};

}  // namespace bothy::image
