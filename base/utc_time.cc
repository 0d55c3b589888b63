#include "base/utc_time.h"

#include <fmt/format.h>

#include <chrono>

namespace bothy {

std::string utc_time(const timespec& time) {
  const std::chrono::sys_seconds seconds{std::chrono::seconds(time.tv_sec)};
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     time.tv_nsec);
}

std::string utc_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return utc_time(now);
}

}  // namespace bothy
