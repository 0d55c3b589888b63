#include "base/timer.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace bothy {

Clock& Clock::steady() noexcept {
  static Clock clock;
  return clock;
}

bool Clock::keeps(TimePoint /*when*/, const std::function<void()>& /*expired*/) {
  return false;
}

Timer::Timer(boost::asio::io_context& executor, Clock& clock)
    : executor_(executor), clock_(clock), timer_(executor) {}

Timer::~Timer() {
  cancel();
}

void Timer::start(Clock::Duration delay, Callback callback) {
  start_at(clock_.now() + delay, std::move(callback));
}

void Timer::start_at(Clock::TimePoint when, Callback callback) {
  cancel();
  callback_ = std::move(callback);
  const auto expired = [this, shared = generation_, generation = *generation_] {
    if (*shared == generation) {
      expire();
    }
  };
  const auto post = [&executor = executor_, expired] { boost::asio::post(executor, expired); };
  if (clock_.keeps(when, post)) {
    return;
  }
  timer_.expires_at(when);
  timer_.async_wait([expired](const boost::system::error_code& error) {
    if (!error) {
      expired();
    }
  });
}

void Timer::cancel() noexcept {
  ++*generation_;
  timer_.cancel();
  callback_ = nullptr;
}

// The callback may destroy this object, or start it anew.
void Timer::expire() {
  const Callback callback = std::exchange(callback_, nullptr);
  callback();
}

}  // namespace bothy
