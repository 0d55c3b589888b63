// What `bothy bench` is doing, in one line on a terminal's stderr.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace bothy {

class BenchProgress {
 public:
  BenchProgress();
  BenchProgress(const BenchProgress&) = delete;
  BenchProgress& operator=(const BenchProgress&) = delete;
  ~BenchProgress();

  // May be called often. Shows how much of `what` is done, and the time since the begin.
  void update(std::string_view what, std::size_t done, std::size_t all);
  // Removes the line; the next update() shows it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  const bool terminal_;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point next_ = begun_;
  bool shown_ = false;
};

}  // namespace bothy
