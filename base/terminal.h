// RawTerminal: a terminal in raw mode, restored however the process ends.
#pragma once

#include <cstdint>
#include <optional>

namespace bothy {

// In characters; 0 x 0: not known.
struct TerminalSize {
  std::uint16_t columns = 0;
  std::uint16_t rows = 0;
  friend bool operator==(const TerminalSize&, const TerminalSize&) = default;
};

// While one exists the terminal passes every key on as it is and echoes nothing. The terminal is
// restored by the destructor, and when the process dies of a signal like SIGSEGV or SIGABRT. At
// most one exists at a time.
class RawTerminal {
 public:
  // How output is processed.
  enum class Output {
    kLines,  // LF becomes CR LF
    kAsIs,   // unchanged: its source is a terminal, which has done that
  };
  // Nothing when `fd` is not a terminal, or this process is not in the terminal's foreground group.
  [[nodiscard]] static std::optional<RawTerminal> enter(int fd, Output output);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&& other) noexcept;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

  // Sets the modes again after SIGCONT: the shell may have changed them.
  void reapply() const noexcept;

 private:
  RawTerminal(int fd, Output output) noexcept : fd_(fd), output_(output) {}

  int fd_;  // not owned: a standard descriptor; -1 once moved from
  Output output_;
};

// 0 x 0 when `fd` is not a terminal or has no size.
[[nodiscard]] TerminalSize terminal_size(int fd) noexcept;

}  // namespace bothy
