// EscapeFilter: the escape keys of an interactive console.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace bothy {

// The prefix is Ctrl-A, as in QEMU and kvmtool, followed by x to quit, h or ? for help, a or Ctrl-A
// to send one Ctrl-A to the guest. Any other key goes to the guest after its Ctrl-A. Not
// thread-safe.
class EscapeFilter {
 public:
  enum class Action { kNone, kQuit, kHelp };

  // Appends the guest's part of `input` to `out`, and returns the last action. After kQuit the rest
  // of the input is dropped.
  Action filter(std::span<const std::byte> input, std::string& out);

 private:
  bool prefixed_ = false;
};

}  // namespace bothy
