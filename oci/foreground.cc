#include "oci/foreground.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <span>
#include <utility>

#include "base/signals.h"
#include "base/terminal.h"

namespace bothy::oci {
namespace {

constexpr int kSignalBase = 128;  // of a shell's exit status
constexpr std::size_t kBuffer = 16UL * 1024;

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

// What is there, from one to the other; false at the end.
bool relay(int from, int to) {
  std::array<char, kBuffer> buffer;
  const ssize_t count = ::read(from, buffer.data(), buffer.size());
  if (count <= 0) {
    return count < 0 && (errno == EINTR || errno == EAGAIN);
  }
  std::span<const char> rest(buffer.data(), static_cast<std::size_t>(count));
  while (!rest.empty()) {
    const ssize_t written = ::write(to, rest.data(), rest.size());
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return false;
    }
    rest = rest.subspan(static_cast<std::size_t>(written < 0 ? 0 : written));
  }
  return true;
}

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

int reap(int pidfd) {
  siginfo_t end{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &end, WEXITED) < 0 && errno == EINTR) {
  }
  return end.si_code == CLD_EXITED ? end.si_status : kSignalBase + end.si_status;
}

}  // namespace

Result<int> follow(const container::Launching& process, UniqueFd terminal) {
  BOTHY_TRY(const UniqueFd signals, catch_signals());
  std::optional<RawTerminal> raw;
  if (terminal) {
    copy_size(terminal.get());
    raw = RawTerminal::enter(STDIN_FILENO, RawTerminal::Output::kAsIs);
  }
  std::array<pollfd, 4> ready{{{process.pidfd(), POLLIN, 0},
                               {signals.get(), POLLIN, 0},
                               {terminal.get(), POLLIN, 0},
                               {terminal ? STDIN_FILENO : -1, POLLIN, 0}}};
  // With a terminal the end of its output comes after the process's.
  while (ready[0].fd >= 0 || ready[2].fd >= 0) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
      return errno_error("can't wait for the container's process");
    }
    if (ready[1].revents != 0) {
      pass_signals(signals.get(), process.pidfd(), terminal.get());
    }
    if (ready[2].revents != 0 && !relay(terminal.get(), STDOUT_FILENO)) {
      ready[2].fd = -1;
    }
    if (ready[3].revents != 0 && !relay(STDIN_FILENO, terminal.get())) {
      ready[3].fd = -1;
    }
    if (ready[0].revents != 0) {
      ready[0].fd = -1;
    }
    for (pollfd& each : ready) {
      each.revents = 0;
    }
  }
  return reap(process.pidfd());
}

}  // namespace bothy::oci
