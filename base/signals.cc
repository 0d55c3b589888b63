#include "base/signals.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace bothy {

int wake_signal() noexcept {
  return SIGRTMIN;
}

Result<void> install_wake_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  if (::sigaction(wake_signal(), &action, nullptr) != 0) {
    return errno_error("can't install the handler of the wake-up signal");
  }
  return success();
}

bool send_signal(int pidfd, int signal) noexcept {
  return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0U) == 0;
}

bool is_signal_ignored(int signal) noexcept {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void block_signals_in_worker() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  sigdelset(&signals, wake_signal());
  // A fault must end the process, whichever thread it strikes; SIGSYS is that of a seccomp filter.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    sigdelset(&signals, fault);
  }
  ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
}

}  // namespace bothy
