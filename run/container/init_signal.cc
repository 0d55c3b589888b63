#include "run/container/init_signal.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <span>

#include "base/unique_fd.h"

#include <fmt/format.h>

namespace bothy::run {
namespace {

// signal(7), Standard signals: those that don't end a process by default, or that the kernel
// delivers to every PID 1 from outside its namespace.
constexpr std::array kOthers{SIGKILL,  SIGSTOP, SIGCHLD, SIGCONT, SIGURG,
                             SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU};

// The set of signals of a line such as "SigCgt:\t0000000000014002".
std::uint64_t signal_set(std::string_view status, std::string_view name) noexcept {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) {
    return 0;
  }
  std::string_view digits = status.substr(at + name.size());
  digits.remove_prefix(std::min(digits.find_first_not_of(" \t"), digits.size()));
  std::uint64_t set = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  return set;
}

}  // namespace

bool is_dropped_for_init(std::string_view status, int signal) noexcept {
  if (std::ranges::count(kOthers, signal) != 0) {
    return false;
  }
  const std::uint64_t kept = signal_set(status, "\nSigCgt:") | signal_set(status, "\nSigIgn:") |
                             signal_set(status, "\nSigBlk:");
  return (kept >> static_cast<unsigned>(signal - 1) & 1U) == 0;
}

bool is_dropped_for_init(pid_t pid, int signal) {
  std::array<char, 4096> text{};
  const UniqueFd file(::open(fmt::format("/proc/{}/status", pid).c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  return size > 0 &&
         is_dropped_for_init(std::string_view(text.data(), static_cast<std::size_t>(size)), signal);
}

}  // namespace bothy::run
