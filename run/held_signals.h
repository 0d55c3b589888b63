// HeldSignals: what would end a client waits until somebody can pass it on.
#pragma once

#include <csignal>

namespace bothy::run {

// SIGINT, SIGTERM, SIGHUP and SIGQUIT, but for those that are ignored.
[[nodiscard]] sigset_t ending_signals() noexcept;

// Blocks them in the calling thread, from its making until release(): those that came meanwhile
// then do what they do. Move-only.
class HeldSignals {
 public:
  HeldSignals() noexcept;
  HeldSignals(HeldSignals&& other) noexcept;
  HeldSignals& operator=(HeldSignals&&) = delete;
  ~HeldSignals() { release(); }

  void release() noexcept;
  // The mask of before, for a child.
  [[nodiscard]] const sigset_t& before() const noexcept { return before_; }

 private:
  sigset_t before_{};
  bool held_ = true;
};

}  // namespace bothy::run
