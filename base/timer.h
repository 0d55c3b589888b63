// Timer: one callback at a later time, on an Asio executor; Clock: where the time comes from.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace bothy {

// The monotonic clock. A test's own (tests/support/manual_clock.h) moves when the test says so.
class Clock {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using TimePoint = std::chrono::steady_clock::time_point;

  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // The kernel's.
  [[nodiscard]] static Clock& steady() noexcept;

  // Any thread.
  [[nodiscard]] virtual TimePoint now() const noexcept { return std::chrono::steady_clock::now(); }
  // True when this clock, not the executor, calls `expired` at `when`. Any thread may be used.
  [[nodiscard]] virtual bool keeps(TimePoint when, const std::function<void()>& expired);
};

// No callback runs after cancel(), start() or the destructor has returned, except the one that
// start() sets. Threads: the executor's, or any while no thread runs the executor. The clock
// outlives the timer and its callbacks.
class Timer {
 public:
  using Callback = std::function<void()>;

  explicit Timer(boost::asio::io_context& executor, Clock& clock = Clock::steady());
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Calls back once after `delay`, from the executor. An earlier start is cancelled.
  void start(Clock::Duration delay, Callback callback);
  void start_at(Clock::TimePoint when, Callback callback);
  void cancel() noexcept;
  [[nodiscard]] bool is_running() const noexcept { return callback_ != nullptr; }

 private:
  void expire();

  boost::asio::io_context& executor_;
  Clock& clock_;
  boost::asio::steady_timer timer_;
  // Shared with handlers that are under way: each belongs to one start.
  const std::shared_ptr<std::uint64_t> generation_ = std::make_shared<std::uint64_t>(0);
  Callback callback_;
};

}  // namespace bothy
