// ProgressLine: the progress of some work, in one line on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace bothy {

// Shown after a second, only when stderr is a terminal, and removed at the end.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  // May be called often. `all` is 0 when the total is unknown.
  void update(std::string_view what, std::uint64_t done, std::uint64_t all);

 private:
  using Clock = std::chrono::steady_clock;
  const bool terminal_;
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace bothy
