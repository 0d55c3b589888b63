// Sizes and durations as users write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy {

// "512M", "2G", "1.5GiB", "4096K", "67108864": binary units, K M G T with an optional B or iB, any
// case; a bare number counts bytes, as Docker and Podman have it. kInvalid otherwise, also for a
// size that doesn't fit in 64 bits.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

// "250ms", "30s", "1.5m", "2h"; a bare number counts seconds, as timeout(1) has it. At least 1 ms,
// at most 365 days.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// "850 us", "12.3 ms", "4.51 s".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace bothy
