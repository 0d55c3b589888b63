// Which disk image formats other than raw a file looks like.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace bothy {

// Both are qemu-img's: `name` as its -f takes it.
struct DiskFormat {
  std::string_view name;
  std::string_view title;  // for people
};

// Enough of a file for recognise_disk_format(): its first and its last so many bytes.
inline constexpr std::size_t kDiskFormatHead = 512;
inline constexpr std::size_t kDiskFormatTail = 512;

// The format whose mark is in the first or last bytes of a file, or null: then it is raw, as far as
// can be told. Either may be shorter than asked for.
[[nodiscard]] const DiskFormat* recognise_disk_format(std::span<const std::byte> head,
                                                      std::span<const std::byte> tail) noexcept;

}  // namespace bothy
