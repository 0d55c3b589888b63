#include "cli/reference/completions.h"

namespace bothy::reference {

std::string shell_word(std::string_view text) {
  std::string word = "'";
  for (const char each : text) {
    word += each == '\'' ? "'\\''" : std::string(1, each);
  }
  return word + "'";
}

std::vector<const Command*> all_commands(const Command& command) {
  std::vector<const Command*> all{&command};
  for (const Command& each : command.commands) {
    const auto below = all_commands(each);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

}  // namespace bothy::reference
