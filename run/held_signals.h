// HeldSignals: signals that would end a client wait until they can be passed on.
#pragma once

#include <csignal>

namespace bothy::run {

// SIGINT, SIGTERM, SIGHUP and SIGQUIT, except those that are ignored.
[[nodiscard]] sigset_t ending_signals() noexcept;

// Blocks them in the calling thread until release(), which delivers those that came meanwhile.
// Move-only.
class HeldSignals {
 public:
  HeldSignals() noexcept;
  HeldSignals(HeldSignals&& other) noexcept;
  HeldSignals& operator=(HeldSignals&&) = delete;
  ~HeldSignals() { release(); }

  void release() noexcept;

 private:
  sigset_t before_{};
  bool held_ = true;
};

}  // namespace bothy::run
