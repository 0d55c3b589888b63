#include "base/log.h"

#include <sys/uio.h>

#include <array>
#include <chrono>

namespace bothy {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kWarning};

std::string_view prefix(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kError:
      return "bothy: ";
    case LogLevel::kWarning:
      return "bothy: warning: ";
    case LogLevel::kInfo:
      return "bothy: info: ";
    case LogLevel::kDebug:
      return "bothy: debug: ";
  }
  return "bothy: ";
}

}  // namespace

void set_log_level(LogLevel level) noexcept {
  g_level.store(level, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) noexcept {
  return level <= g_level.load(std::memory_order_relaxed);
}

void log_line(LogLevel level, std::string_view line) noexcept {
  const std::string_view start = prefix(level);
  std::array<iovec, 3> parts{{
      {const_cast<char*>(start.data()), start.size()},
      {const_cast<char*>(line.data()), line.size()},
      {const_cast<char*>("\n"), 1},
  }};
  // Nowhere left to complain to when stderr itself fails.
  [[maybe_unused]] const auto written = ::writev(2, parts.data(), static_cast<int>(parts.size()));
}

bool LogLimiter::allow() noexcept {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
  if (used_.load(std::memory_order_relaxed) < burst_) {
    last_second_.store(now, std::memory_order_relaxed);
    used_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  auto last = last_second_.load(std::memory_order_relaxed);
  if (now > last && last_second_.compare_exchange_strong(last, now, std::memory_order_relaxed)) {
    return true;
  }
  dropped_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

}  // namespace bothy
