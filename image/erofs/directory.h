// Directories and extended attributes, as erofs stores them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/tar/reader.h"

namespace bothy::image::erofs {

struct NamedInode {
  std::string_view name;
  std::uint64_t nid = 0;
  std::uint8_t file_type = 0;
};

// The content of a directory: blocks, each with its entries and then their names. `entries` contain
// "." and ".." and are sorted by name, as bytes, since the kernel uses binary search. All blocks
// but the last have the full length.
[[nodiscard]] std::string pack_directory(const std::vector<NamedInode>& entries);

// The attributes behind an inode, a multiple of four bytes; empty where there are none. kBadInput
// when a name or a value is longer than the format allows.
[[nodiscard]] Result<std::string> pack_attributes(const std::vector<ExtendedAttribute>& attributes);

}  // namespace bothy::image::erofs
