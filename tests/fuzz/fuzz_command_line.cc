// The user's part of a kernel command line, as any bytes.
#include <algorithm>
#include <string_view>

#include "tests/fuzz/fuzz.h"
#include "vmm/boot/command_line.h"

namespace {

using bothy::boot::CommandLine;
using bothy::boot::parameter_name;
using bothy::boot::split_words;
using bothy::fuzz::check;

constexpr std::size_t kLimit = 256;

// No default that was kept sets what the user sets.
void check_user_wins(std::string_view kept, std::string_view user) {
  for (const std::string_view word : split_words(user)) {
    if (word == "--") {
      return;
    }
    for (const std::string_view other : split_words(kept)) {
      check(parameter_name(word) != parameter_name(other));
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view user(reinterpret_cast<const char*>(data), size);
  CommandLine command_line;
  command_line.add_default("console=ttyS0 panic=-1 reboot=t a_b=\"c d\"");
  command_line.add_user(user);
  const auto line = command_line.assemble(kLimit);
  if (!line) {
    check(line.error().context.find('\n') == std::string::npos);
    return 0;
  }
  const std::string_view text = line.value();
  check(text.size() <= kLimit && text.ends_with(user));
  check(std::none_of(text.begin(), text.end(), [](char c) { return c == '\0' || c == '\n'; }));
  check_user_wins(text.substr(0, text.size() - user.size()), user);
  return 0;
}
