// Detection of disk image formats other than raw.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace bothy {

// `name` is the format's name for qemu-img -f.
struct DiskFormat {
  std::string_view name;
  std::string_view title;  // for people
};

// How many bytes of the start and the end of a file recognise_disk_format() needs.
inline constexpr std::size_t kDiskFormatHead = 512;
inline constexpr std::size_t kDiskFormatTail = 512;

// The format whose signature is in the first or last bytes of a file; null when there is none, as
// with raw files. Short files give shorter spans.
[[nodiscard]] const DiskFormat* recognise_disk_format(std::span<const std::byte> head,
                                                      std::span<const std::byte> tail) noexcept;

}  // namespace bothy
