#include "run/held_signals.h"

#include <utility>

#include "base/signals.h"

namespace bothy::run {

sigset_t ending_signals() noexcept {
  sigset_t all{};
  sigemptyset(&all);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    if (!is_signal_ignored(signal)) {
      sigaddset(&all, signal);
    }
  }
  return all;
}

HeldSignals::HeldSignals() noexcept {
  const sigset_t all = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &all, &before_);
}

HeldSignals::HeldSignals(HeldSignals&& other) noexcept
    : before_(other.before_), held_(std::exchange(other.held_, false)) {}

void HeldSignals::release() noexcept {
  if (std::exchange(held_, false)) {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
}

}  // namespace bothy::run
