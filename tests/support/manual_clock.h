// ManualClock: a clock that moves when a test says so.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/timer.h"

namespace bothy::test {

// Any thread. Timers that are due post their callbacks to their executors from within advance(), in
// the order of their times.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  [[nodiscard]] bool keeps(TimePoint when, const std::function<void()>& expired) override {
    const std::lock_guard lock(mutex_);
    waits_.emplace_back(when, expired);
    return true;
  }
  // How many timers have been started and aren't due yet, those that were cancelled included.
  [[nodiscard]] std::size_t waits() const {
    const std::lock_guard lock(mutex_);
    return waits_.size();
  }

  void advance(Duration duration) {
    std::vector<std::pair<TimePoint, std::function<void()>>> due;
    {
      const std::lock_guard lock(mutex_);
      now_ += duration;
      const auto later = std::stable_partition(
          waits_.begin(), waits_.end(), [this](const auto& wait) { return wait.first > now_; });
      due.assign(std::make_move_iterator(later), std::make_move_iterator(waits_.end()));
      waits_.erase(later, waits_.end());
    }
    std::ranges::stable_sort(due, {}, [](const auto& wait) { return wait.first; });
    for (const auto& [when, expired] : due) {
      expired();
    }
  }

 private:
  mutable std::mutex mutex_;
  TimePoint now_{};
  std::vector<std::pair<TimePoint, std::function<void()>>> waits_;
};

}  // namespace bothy::test
