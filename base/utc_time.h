// The time of day as text.
#pragma once

#include <ctime>
#include <string>

namespace bothy {

// RFC 3339 with nanoseconds: "2026-01-31T12:00:00.000000001Z". Not by gmtime_r(3), with which the
// C library reads the host's time zone.
[[nodiscard]] std::string utc_time(const timespec& time);
[[nodiscard]] std::string utc_now();

}  // namespace bothy
