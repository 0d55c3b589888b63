// RawTerminal: an interactive terminal handed to the guest, and given back on every way out.
#pragma once

#include <optional>

#include "base/result.h"
#include "devices/character.h"

namespace bothy {

// While one exists the terminal sends every key as it is and echoes nothing. Restores the terminal
// in its destructor, and when the process dies of a signal like SIGSEGV or abort(). At most one
// exists at a time.
class RawTerminal {
 public:
  // What becomes of what is written to it.
  enum class Output {
    kLines,  // LF becomes CR LF: of what comes from no terminal
    kAsIs,   // the guest's terminal has done that
  };
  // Nothing when `fd` is no terminal, or belongs to another foreground job, which we must not
  // disturb.
  [[nodiscard]] static std::optional<RawTerminal> enter(int fd, Output output);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&& other) noexcept;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

  // After a stop and SIGCONT: the shell may have changed the modes meanwhile.
  void reapply() const noexcept;

 private:
  RawTerminal(int fd, Output output) noexcept : fd_(fd), output_(output) {}

  int fd_;  // not owned: a standard descriptor; -1 once moved from
  Output output_;
};

// The terminal's size; 0 x 0 when `fd` is none, or doesn't know.
[[nodiscard]] ConsoleSize terminal_size(int fd) noexcept;

}  // namespace bothy
