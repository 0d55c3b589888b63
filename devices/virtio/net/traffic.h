// What both directions of a network device's traffic share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "devices/host/rate_limiter.h"

namespace bothy::virtio {

// How far one run of a direction came.
struct Progress {
  enum class State {
    kMore,     // a batch is done, and there may be more
    kIdle,     // no packet there
    kNoRoom,   // the driver has brought no buffers, or the backend takes no more
    kLimited,  // the rate limit is reached
    kGone,     // the backend is
    kFault,    // the driver broke a rule
  };
  State state = State::kIdle;
  std::optional<std::chrono::steady_clock::time_point> until = std::nullopt;  // run again then
};

// One direction's rate limit, shared by all queues. Any thread.
class TrafficLimit {
 public:
  explicit TrafficLimit(RateLimit limit) noexcept
      : limiter_(limit), unlimited_(limiter_.unlimited()) {}

  // As RateLimiter's.
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

// One direction of one queue pair since it was made. Written by one thread, read by any.
class TrafficCounters {
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
  // No locked instruction: there is one writer.
  static void add(std::atomic<std::uint64_t>& to, std::uint64_t more) noexcept {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> packets_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace bothy::virtio
