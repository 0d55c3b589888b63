// The order of mounts: a deeper mount point is mounted later, whatever the order of the flags, as
// Docker does.
#pragma once

#include <cstddef>
#include <string_view>

namespace bothy::run {

// The number of names in a path.
[[nodiscard]] constexpr std::size_t path_depth(std::string_view path) noexcept {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    depth += path[i] != '/' && (i == 0 || path[i - 1] == '/') ? 1 : 0;
  }
  return depth;
}

}  // namespace bothy::run
