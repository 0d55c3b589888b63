// RateLimiter: how many requests and bytes a device may move a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace bothy {

// Per second; 0 is without limit.
struct RateLimit {
  std::uint64_t operations = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

// Two token buckets, each as deep as a tenth of a second's allowance: a burst stays short, and a
// request larger than a bucket still passes, on credit that the next ones wait for. One thread at a
// time.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimiter(RateLimit limit, Clock::time_point now = Clock::now()) noexcept;

  [[nodiscard]] bool unlimited() const noexcept {
    return operations_.rate == 0 && bytes_.rate == 0;
  }

  // Takes what one request of `bytes` costs and returns nothing; or takes nothing, and says when to
  // ask again.
  [[nodiscard]] std::optional<Clock::time_point> take(std::uint64_t bytes,
                                                      Clock::time_point now) noexcept;

  // Takes what `bytes` more cost of a request that is under way, on credit.
  void charge(std::uint64_t bytes) noexcept;

 private:
  struct Bucket {
    std::uint64_t rate = 0;
    double tokens = 0;

    [[nodiscard]] double depth() const noexcept;
    void fill(std::chrono::duration<double> passed) noexcept;
    // How long until there is one token.
    [[nodiscard]] std::chrono::duration<double> wait() const noexcept;
  };

  Bucket operations_;
  Bucket bytes_;
  Clock::time_point filled_at_;
};

}  // namespace bothy
