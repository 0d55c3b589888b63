// Log lines of the monitor, to stderr. Results go to stdout and never through here.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace bothy {

enum class LogLevel { kError, kWarning, kInfo, kDebug };

// Lines above this level are dropped. kWarning unless set. Any thread.
void set_log_level(LogLevel level) noexcept;
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

// Writes "bothy: <line>\n" to stderr; lines of several threads never mix. Waits at most a second
// for a reader that is slow, and not at all for one that doesn't read: such lines are lost, and
// counted in the next that is written. Any thread.
void log_line(LogLevel level, std::string_view line) noexcept;

// From now on lines go to what stderr is now, and writing one opens nothing. Any thread.
void keep_log_target() noexcept;

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) {
    log_line(level, fmt::format(format, std::forward<Args>(args)...));
  }
}

class Clock;

// A budget for lines that a guest can cause: `burst` at once and then one a second, so that a
// hostile guest can't fill a disk with log. Any thread.
class LogLimiter {
 public:
  explicit LogLimiter(std::uint32_t burst = 10) noexcept;
  // The clock outlives the limiter.
  LogLimiter(std::uint32_t burst, const Clock& clock) noexcept : burst_(burst), clock_(clock) {}

  // Whether the line may be written.
  [[nodiscard]] bool allow() noexcept;
  // The number of lines that were held back.
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  const std::uint32_t burst_;
  const Clock& clock_;
  std::atomic<std::uint32_t> used_{0};
  std::atomic<std::int64_t> last_second_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

// A warning about the guest's behaviour, rate-limited.
template <class... Args>
void log_guest(LogLimiter& limiter, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kWarning) && limiter.allow()) {
    log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace bothy
