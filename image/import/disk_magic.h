// detect_disk(): disk formats and file systems by their magic numbers.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "image/bytes/byte_source.h"

namespace bothy::image {

struct DiskFormat {
  std::string_view name;  // "ext4"
  bool raw = true;        // false: a format of virtual disks, which a guest can't read
};

// The first bytes of a disk that detect_disk() needs.
inline constexpr std::size_t kDiskHead = 68U << 10U;

[[nodiscard]] std::optional<DiskFormat> detect_disk(Bytes head) noexcept;

}  // namespace bothy::image
