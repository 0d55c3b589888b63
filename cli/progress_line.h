// ProgressLine: one line on a terminal's stderr that says how far a piece of work is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace bothy {

// Shows nothing in the first second, nothing when stderr is no terminal, and leaves nothing behind.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  // Often; it is shown now and then. `all` may be 0: not known.
  void update(std::string_view what, std::uint64_t done, std::uint64_t all);

 private:
  using Clock = std::chrono::steady_clock;
  const bool terminal_;
  Clock::time_point next_;
  bool shown_ = false;
};

}  // namespace bothy
