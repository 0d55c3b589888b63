// What a raw disk begins with.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "image/bytes/byte_source.h"

namespace bothy::image {

struct DiskFormat {
  std::string_view name;  // "ext4"
  bool raw = true;        // false: a virtual disk's own format, which a guest can't read
};

// So many first bytes are enough to tell.
inline constexpr std::size_t kDiskHead = 68U << 10U;

[[nodiscard]] std::optional<DiskFormat> detect_disk(Bytes head) noexcept;

}  // namespace bothy::image
