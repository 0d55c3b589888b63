// EscapeFilter: the keys that an interactive console keeps for itself.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace bothy {

// Ctrl-A is the prefix, as in QEMU and kvmtool: then x leaves, h or ? shows help, a or Ctrl-A sends
// one Ctrl-A to the guest, and anything else goes to the guest with its Ctrl-A before it. Not
// thread-safe.
class EscapeFilter {
 public:
  enum class Action { kNone, kQuit, kHelp };

  // Appends to `out` what the guest gets of `input`. After an action the rest of `input` is dropped
  // when it is kQuit, and kept otherwise; the last action wins.
  Action filter(std::span<const std::byte> input, std::string& out);

 private:
  bool prefixed_ = false;
};

}  // namespace bothy
