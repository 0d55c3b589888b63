// CommandLine: the kernel's command line, from the monitor's defaults and the user's parameters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bothy::boot {

// The words of a command line as the kernel separates them (lib/cmdline.c, next_arg): by white
// space, but not within double quotes. Quotes stay part of their word.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

// The name of the parameter that a word sets: up to its first '=', without a quote at its start.
[[nodiscard]] std::string_view parameter_name(std::string_view word) noexcept;

// The rule: first the defaults, in the order they were added, without each whose parameter the user
// sets too ("panic=5" and "panic" drop "panic=-1"; the kernel takes '-' and '_' in a name for the
// same); then, verbatim, the user's text; then the last defaults, by the same rule. What the user
// wrote after a word "--" goes to init: it drops nothing, and comes after all else.
class CommandLine {
 public:
  // One or several words. Must not contain "--".
  void add_default(std::string_view words);
  // For parameters whose effect depends on the user's: the kernel parses a line from its front.
  void add_last_default(std::string_view words);
  // Joined with a space when there are several.
  void add_user(std::string_view text);

  // The whole line, without its NUL. `limit` is the kernel's own, without the NUL.
  // Fails with kInvalid when it is too long, or holds bytes that no command line can.
  [[nodiscard]] Result<std::string> assemble(std::size_t limit) const;

  // Whether the user's text has a word for that parameter.
  [[nodiscard]] bool user_sets(std::string_view parameter) const;

 private:
  void append_defaults(std::string& line, const std::vector<std::string>& words) const;

  std::vector<std::string> defaults_;
  std::vector<std::string> last_defaults_;
  std::string user_;
};

}  // namespace bothy::boot
