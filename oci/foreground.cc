#include "oci/foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <span>
#include <utility>

#include "base/files.h"
#include "base/signals.h"
#include "base/terminal.h"
#include "oci/relay.h"

namespace bothy::oci {
namespace {

constexpr int kSignalBase = 128;  // of a shell's exit status

Result<UniqueFd> catch_signals() {
  sigset_t all;
  sigfillset(&all);
  for (const int kept : {SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGTTIN, SIGTTOU}) {
    sigdelset(&all, kept);
  }
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  UniqueFd fd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) {
    return errno_error("can't receive signals");
  }
  return fd;
}

void copy_size(int terminal) {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
    ::ioctl(terminal, TIOCSWINSZ, &size);
  }
}

// This process's stdout through a description of its own, which can be non-blocking: others share
// the first. Empty for what can't be opened again, such as another user's terminal, or needn't be.
UniqueFd reopen_stdout() {
  struct stat status {};
  if (::fstat(STDOUT_FILENO, &status) != 0 ||
      (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))) {
    return UniqueFd();
  }
  return UniqueFd(::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

// What goes in and out of the container's terminal. Neither way waits for the other: a process that
// waits for room for its output doesn't read its input.
class TerminalRelay {
 public:
  explicit TerminalRelay(UniqueFd terminal)
      : terminal_(std::move(terminal)), stdout_(reopen_stdout()) {
    copy_size(terminal_.get());
    raw_ = RawTerminal::enter(STDIN_FILENO, RawTerminal::Output::kAsIs);
  }

  [[nodiscard]] int terminal() const noexcept { return terminal_.get(); }
  [[nodiscard]] bool has_output() const noexcept { return !out_.is_done(); }

  using Polled = std::span<pollfd, 3>;
  void want(Polled polled) const noexcept {
    polled[0] = wanted(terminal_.get(), out_.wants_input(), in_.wants_output());
    polled[1] = wanted(STDIN_FILENO, in_.wants_input(), false);
    polled[2] = wanted(stdout_fd(), false, out_.wants_output());
  }
  void turn(Polled polled) noexcept {
    out_.turn(is_readable(polled[0]));
    in_.turn(is_readable(polled[1]));
  }

 private:
  // Ends and errors are reported without being asked for: what nothing is wanted of isn't polled.
  static pollfd wanted(int fd, bool input, bool output) noexcept {
    const auto events = static_cast<short>((input ? POLLIN : 0) | (output ? POLLOUT : 0));
    return {events == 0 ? -1 : fd, events, 0};
  }
  static bool is_readable(const pollfd& polled) noexcept {
    return (polled.events & POLLIN) != 0 && (polled.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
  }
  [[nodiscard]] int stdout_fd() const noexcept { return stdout_ ? stdout_.get() : STDOUT_FILENO; }

  UniqueFd terminal_;
  UniqueFd stdout_;
  std::optional<RawTerminal> raw_;
  Relay out_{terminal_.get(), stdout_fd()};
  Relay in_{STDIN_FILENO, terminal_.get()};
};

void pass_signals(int signals, int pidfd, int terminal) {
  signalfd_siginfo signal{};
  while (::read(signals, &signal, sizeof(signal)) == static_cast<ssize_t>(sizeof(signal))) {
    if (signal.ssi_signo == SIGWINCH && terminal >= 0) {
      copy_size(terminal);
    } else {
      send_signal(pidfd, static_cast<int>(signal.ssi_signo));
    }
  }
}

int reap(int pidfd) noexcept {
  siginfo_t end{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &end, WEXITED) < 0 && errno == EINTR) {
  }
  return end.si_code == CLD_EXITED ? end.si_status : kSignalBase + end.si_status;
}

}  // namespace

void kill_child(int pidfd) noexcept {
  if (pidfd >= 0) {
    send_signal(pidfd, SIGKILL);
    reap(pidfd);
  }
}

Result<int> follow(const container::Launching& process, UniqueFd terminal,
                   const NotifySocket* notify) {
  BOTHY_TRY(const UniqueFd signals, catch_signals());
  std::optional<TerminalRelay> relay;
  if (terminal) {
    BOTHY_TRY(set_nonblocking(terminal.get()));
    relay.emplace(std::move(terminal));
  }
  std::array<pollfd, 6> ready{{{process.pidfd(), POLLIN, 0},
                               {signals.get(), POLLIN, 0},
                               {-1, 0, 0},
                               {-1, 0, 0},
                               {-1, 0, 0},
                               {notify != nullptr ? notify->fd() : -1, POLLIN, 0}}};
  const std::span<pollfd, 3> relayed(ready.data() + 2, 3);
  // With a terminal the end of its output comes after the process's.
  while (ready[0].fd >= 0 || (relay && relay->has_output())) {
    if (relay) {
      relay->want(relayed);
    }
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno != EINTR) {
        return errno_error("can't wait for the container's process");
      }
      continue;
    }
    if (ready[1].revents != 0) {
      pass_signals(signals.get(), process.pidfd(), relay ? relay->terminal() : -1);
    }
    if (relay) {
      relay->turn(relayed);
    }
    if (ready[5].revents != 0 && notify->receive(process.pid())) {
      ready[5].fd = -1;
    }
    if (ready[0].revents != 0) {
      ready[0].fd = -1;
    }
  }
  return reap(process.pidfd());
}

}  // namespace bothy::oci
