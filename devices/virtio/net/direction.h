// What the receive and the transmit direction of a network device share: progress, rate limit,
// counters.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "devices/host/rate_limiter.h"

namespace bothy::virtio {

// The result of one turn of a direction.
struct NetProgress {
  enum class State {
    kMore,          // a batch is done, and there may be more packets
    kIdle,          // there are no packets
    kNoRoom,        // the driver has no buffers available, or the backend is full
    kLimited,       // the rate limit is reached
    kDisconnected,  // the backend is closed
    kFault,         // the driver broke a rule
  };
  State state = State::kIdle;
  // When to run the next turn, if the direction waits for a time.
  std::optional<std::chrono::steady_clock::time_point> until = std::nullopt;
};

// The rate limit of one direction, shared by all queues. Any thread.
class NetRateLimit {
 public:
  explicit NetRateLimit(RateLimit limit) noexcept
      : limiter_(limit), unlimited_(limiter_.unlimited()) {}

  // As RateLimiter::take().
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> take(
      std::uint64_t bytes, std::chrono::steady_clock::time_point now) noexcept {
    if (unlimited_) {
      return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    return limiter_.take(bytes, now);
  }

 private:
  std::mutex mutex_;
  RateLimiter limiter_;
  const bool unlimited_;
};

// Counters of one direction of one queue pair, since the device was made. Written by one thread,
// read by any.
class NetCounters {
 public:
  void count(std::uint64_t bytes) noexcept {
    add(packets_, 1);
    add(bytes_, bytes);
  }
  void count_dropped() noexcept { add(dropped_, 1); }

  [[nodiscard]] std::uint64_t packets() const noexcept {
    return packets_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  // Without a locked instruction: there is one writer.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> packets_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace bothy::virtio
