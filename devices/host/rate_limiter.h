// RateLimiter: limits the operations and bytes of a device per second.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace bothy {

// Per second; 0: unlimited.
struct RateLimit {
  std::uint64_t operations = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// Two token buckets of a tenth of a second each: bursts stay short, and a request larger than a
// bucket passes on credit, for which later requests wait. One thread at a time.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimiter(RateLimit limit, Clock::time_point now = Clock::now()) noexcept;

  [[nodiscard]] bool unlimited() const noexcept {
    return operations_.rate == 0 && bytes_.rate == 0;
  }

  // Takes the tokens of a request of `bytes`, and returns nothing; or takes none, and returns when
  // to try again.
  [[nodiscard]] std::optional<Clock::time_point> take(std::uint64_t bytes,
                                                      Clock::time_point now) noexcept;

  // Takes the tokens of further `bytes` of a request that has begun, on credit.
  void charge(std::uint64_t bytes) noexcept;

 private:
  struct Bucket {
    std::uint64_t rate = 0;
    double tokens = 0;

    [[nodiscard]] double depth() const noexcept;
    void fill(std::chrono::duration<double> passed) noexcept;
    // The time until there is one token.
    [[nodiscard]] std::chrono::duration<double> wait() const noexcept;
  };

  Bucket operations_;
  Bucket bytes_;
  Clock::time_point filled_at_;
};

}  // namespace bothy
