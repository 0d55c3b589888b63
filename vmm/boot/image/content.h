// The type of a file, by its first bytes: to choose a loader, and to name the type in an error.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace bothy::boot {

using Bytes = std::span<const std::byte>;

enum class Content {
  kElf,
  kBzImage,
  kArm64Image,
  kGzip,
  kXz,
  kLzma,
  kBzip2,
  kLz4,
  kZstd,
  kLzop,
  kCpio,     // newc, with or without checksums: what the kernel unpacks
  kCpioOld,  // the octal format, which it doesn't
  kText,
  kUnknown,
};

// The number of first bytes that are enough.
inline constexpr std::size_t kContentHead = 4096;

[[nodiscard]] Content detect_content(Bytes head) noexcept;

// With its article: "a text file", "an ELF file".
[[nodiscard]] std::string_view describe(Content content) noexcept;

// The short name of a compression ("zstd"); empty when `content` isn't one.
[[nodiscard]] std::string_view compression_name(Content content) noexcept;

// A copy of the little-endian object at `offset`, or nothing when the bytes end before it does.
template <class T>
[[nodiscard]] std::optional<T> load_at(Bytes bytes, std::size_t offset) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace bothy::boot
