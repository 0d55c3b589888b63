// PollWindow: decides whether a queue's thread polls the available ring for a moment before it
// waits for a notification.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace bothy::virtio {

// Polling goes on as long as it pays off: after a driver that made no request available in time,
// the next window is skipped, and twice as many after each further failure. The driver's real delay
// isn't measured: a thread that sleeps gets notifications later than it would have polled. Used by
// one thread.
class PollWindow {
 public:
  // A sleeping vCPU takes 10 to 20 us from the interrupt to its next request.
  static constexpr std::chrono::microseconds kLength{32};
  static constexpr unsigned kMaxSkipped = 256;

  // `single_cpu`: the driver can't run while this thread does.
  explicit PollWindow(bool single_cpu) noexcept : single_cpu_(single_cpu) {}

  // Called once after each used buffer notification: whether to poll now.
  [[nodiscard]] bool opens() noexcept {
    if (single_cpu_) {
      return false;
    }
    if (skips_left_ != 0) {
      --skips_left_;
      return false;
    }
    return true;
  }

  // The result of polling: whether a request came in time.
  void ended(bool in_time) noexcept {
    skip_count_ = in_time ? 0 : std::clamp(2 * skip_count_, 1U, kMaxSkipped);
    skips_left_ = skip_count_;
  }

 private:
  const bool single_cpu_;
  unsigned skip_count_ = 0;  // windows to skip after the last failure
  unsigned skips_left_ = 0;
};

// Whether the calling thread may run on one CPU only.
[[nodiscard]] inline bool has_single_cpu() noexcept {
  cpu_set_t allowed;
  return ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) == 1;
}

// A hint to the CPU that this is a busy-wait loop.
inline void cpu_relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace bothy::virtio
