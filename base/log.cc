#include "base/log.h"

#include <chrono>

#include "base/log_output.h"
#include "base/timer.h"

namespace bothy {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kWarning};

// How long a line waits for a reader of stderr that is slow.
constexpr std::chrono::milliseconds kErrorTimeout{1000};
constexpr std::chrono::milliseconds kTimeout{100};

// Never destroyed: code at the end of the process may log.
LogOutput& output() noexcept {
  static LogOutput& output = *new LogOutput;
  return output;
}

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
  // An error is mostly the last line, and worth waiting for.
  const auto limit = level == LogLevel::kError ? kErrorTimeout : kTimeout;
  output().write(fmt::format("{}{}\n", prefix(level), line), limit);
}

void keep_log_target() noexcept {
  output().keep_target();
}

LogLimiter::LogLimiter(std::uint32_t burst) noexcept : LogLimiter(burst, Clock::steady()) {}

bool LogLimiter::allow() noexcept {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
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
