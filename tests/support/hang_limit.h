// How long tests wait for something that has to happen.
#pragma once

#include <chrono>
#include <thread>

namespace bothy::test {

// Far longer than any machine needs: the limit ends tests that hang, and decides nothing else.
inline constexpr std::chrono::minutes kHangLimit{10};

// Waits until the condition holds, which another thread brings about. False only for a hang.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kHangLimit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace bothy::test
