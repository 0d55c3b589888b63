#include "base/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <utility>

namespace bothy {
namespace {

// Static: the handler of a fatal signal needs them.
std::atomic<int> g_fd{-1};
termios g_saved;

constexpr std::array kFatalSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

bool in_foreground(int fd) noexcept {
  return ::tcgetpgrp(fd) == ::getpgrp();
}

// tcsetattr from the background would stop us with SIGTTOU. Async-signal-safe.
void set_modes(int fd, const termios& modes) noexcept {
  sigset_t ttou;
  sigset_t before;
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  ::pthread_sigmask(SIG_BLOCK, &ttou, &before);
  ::tcsetattr(fd, TCSADRAIN, &modes);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void restore() noexcept {
  const int fd = g_fd.exchange(-1);
  if (fd >= 0) {
    set_modes(fd, g_saved);
  }
}

// Runs once (SA_RESETHAND): restores the terminal and lets the same signal end the process.
void on_fatal_signal(int signal) {
  restore();
  ::raise(signal);
}

void catch_fatal_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  sigemptyset(&action.sa_mask);
  for (const int signal : kFatalSignals) {
    ::sigaction(signal, &action, nullptr);
  }
}

termios raw_modes(RawTerminal::Output output) noexcept {
  termios raw = g_saved;
  ::cfmakeraw(&raw);
  if (output == RawTerminal::Output::kLines) {
    raw.c_oflag |= OPOST | ONLCR;
  }
  return raw;
}

}  // namespace

std::optional<RawTerminal> RawTerminal::enter(int fd, Output output) {
  if (::isatty(fd) != 1 || !in_foreground(fd) || ::tcgetattr(fd, &g_saved) != 0) {
    return std::nullopt;
  }
  g_fd = fd;
  catch_fatal_signals();
  set_modes(fd, raw_modes(output));
  return RawTerminal(fd, output);
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), output_(other.output_) {}

RawTerminal& RawTerminal::operator=(RawTerminal&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(output_, other.output_);
  return *this;
}

RawTerminal::~RawTerminal() {
  if (fd_ >= 0) {
    restore();
  }
}

TerminalSize terminal_size(int fd) noexcept {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? TerminalSize{size.ws_col, size.ws_row}
                                             : TerminalSize{};
}

void RawTerminal::reapply() const noexcept {
  if (fd_ >= 0 && in_foreground(fd_)) {
    set_modes(fd_, raw_modes(output_));
  }
}

}  // namespace bothy
