// Timeouts of poll(2).
#pragma once

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdint>

namespace bothy {

// In milliseconds: rounded up, so that a wait never ends just before its deadline; 0 for what is
// over.
[[nodiscard]] inline int poll_timeout(std::chrono::steady_clock::duration left) noexcept {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<std::int64_t>(count, 0, INT_MAX));
}

}  // namespace bothy
