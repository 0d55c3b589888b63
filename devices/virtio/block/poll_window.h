// PollWindow: whether a queue's thread looks at the ring itself for a moment before it sleeps until
// a kick.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace bothy::virtio {

// It does as long as it pays off: after a driver that wasn't back in time it is left out, once, and
// twice as often after each further one. How long the driver really took isn't asked for: a thread
// that sleeps learns of a kick late, by more than what it would have polled for. Belongs to one
// thread.
class PollWindow {
 public:
  // A sleeping vCPU is interrupted, and asks for more, in some 10 to 20 us.
  static constexpr std::chrono::microseconds kLength{32};
  static constexpr unsigned kMostLeftOut = 256;

  // `alone`: the driver can't run while this thread does.
  explicit PollWindow(bool alone) noexcept : alone_(alone) {}

  // Asked once for each time that the driver is shown something: is it to be waited for?
  [[nodiscard]] bool opens() noexcept {
    if (alone_) {
      return false;
    }
    if (left_ != 0) {
      --left_;
      return false;
    }
    return true;
  }

  // What came of it.
  void ended(bool in_time) noexcept {
    left_out_ = in_time ? 0 : std::clamp(2 * left_out_, 1U, kMostLeftOut);
    left_ = left_out_;
  }

 private:
  const bool alone_;
  unsigned left_out_ = 0;  // how often, this time
  unsigned left_ = 0;      // of those
};

// Whether the calling thread may run on one processor only.
[[nodiscard]] inline bool on_one_processor() noexcept {
  cpu_set_t allowed;
  return ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) == 1;
}

// Tells the processor that this is a loop that waits.
inline void relax_processor() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace bothy::virtio
