#include "devices/host/rate_limiter.h"

#include <algorithm>

namespace bothy {

double RateLimiter::Bucket::depth() const noexcept {
  return std::max(1.0, static_cast<double>(rate) / 10);
}

void RateLimiter::Bucket::fill(std::chrono::duration<double> passed) noexcept {
  tokens = std::min(depth(), tokens + static_cast<double>(rate) * passed.count());
}

std::chrono::duration<double> RateLimiter::Bucket::wait() const noexcept {
  return std::chrono::duration<double>(
      rate == 0 || tokens >= 1 ? 0 : (1 - tokens) / static_cast<double>(rate));
}

RateLimiter::RateLimiter(RateLimit limit, Clock::time_point now) noexcept
    : operations_{limit.operations}, bytes_{limit.bytes}, filled_at_(now) {
  operations_.tokens = operations_.depth();
  bytes_.tokens = bytes_.depth();
}

std::optional<RateLimiter::Clock::time_point> RateLimiter::take(std::uint64_t bytes,
                                                                Clock::time_point now) noexcept {
  if (unlimited()) {
    return std::nullopt;
  }
  const std::chrono::duration<double> passed = now - filled_at_;
  filled_at_ = now;
  operations_.fill(passed);
  bytes_.fill(passed);
  const auto wait = std::max(operations_.wait(), bytes_.wait());
  if (wait.count() > 0) {
    return now + std::chrono::ceil<Clock::duration>(wait);
  }
  operations_.tokens -= 1;
  charge(bytes);
  return std::nullopt;
}

void RateLimiter::charge(std::uint64_t bytes) noexcept {
  bytes_.tokens -= static_cast<double>(bytes);  // a bucket without a rate is never looked at
}

}  // namespace bothy
