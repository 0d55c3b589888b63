#include "cli/boot/restarts.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/event_fd.h"
#include "base/log.h"
#include "base/signals.h"
#include "cli/exit_status.h"

namespace bothy {
namespace {

// Those of which the child makes something.
constexpr std::array kPassedOn{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCONT, SIGWINCH};

// Blocks SIGCHLD and what is passed on, until the end of its life.
class BlockedSignals {
 public:
  BlockedSignals() noexcept {
    sigemptyset(&blocked_);
    sigaddset(&blocked_, SIGCHLD);
    for (const int signal : kPassedOn) {
      if (!is_signal_ignored(signal)) {
        sigaddset(&blocked_, signal);
      }
    }
    ::pthread_sigmask(SIG_BLOCK, &blocked_, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { release(); }

  void release() const noexcept { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  [[nodiscard]] int wait() const noexcept { return ::sigwaitinfo(&blocked_, nullptr); }

 private:
  sigset_t blocked_{};
  sigset_t before_{};
};

int status_of(int wait_status) noexcept {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                : exit_status::kSignalBase + WTERMSIG(wait_status);
}

// wait(2)'s status of the child, once it has ended.
int wait_for(pid_t child, const BlockedSignals& signals) noexcept {
  for (;;) {
    const int signal = signals.wait();
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      return status;
    }
    if (signal > 0 && signal != SIGCHLD) {
      ::kill(child, signal);
    }
  }
}

}  // namespace

int boot_in_children(const std::function<BootEnd(int& status)>& boot) {
  const auto restart = EventFd::create();
  if (!restart) {
    log_line(LogLevel::kError, restart.error().context);
    return exit_status::kOwnFailure;
  }
  for (;;) {
    const BlockedSignals signals;
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
      log_line(LogLevel::kError, errno_error("can't start a process for the guest").context);
      return exit_status::kOwnFailure;
    }
    if (child == 0) {
      signals.release();
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) {
        ::_exit(exit_status::kOwnFailure);
      }
      int status = exit_status::kOwnFailure;
      if (boot(status) == BootEnd::kRestart) {
        restart.value().signal();
      }
      ::_exit(status);
    }
    const int status = status_of(wait_for(child, signals));
    if (restart.value().drain() == 0) {
      return status;
    }
  }
}

}  // namespace bothy
