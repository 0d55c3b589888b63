#include "cli/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

namespace bothy {
namespace {

std::optional<std::span<char*>> g_words;

// "--env", or "--env=A=B".
bool is_long_name(std::string_view word, std::string_view name) {
  return word.starts_with(name) && (word.size() == name.size() || word[name.size()] == '=');
}

// Several switches may share a word, "-it", and the last may have its value there: "-eA=B".
bool has_letter(std::string_view word, char letter) {
  return word.starts_with('-') && !word.starts_with("--") &&
         word.find(letter) != std::string_view::npos;
}

bool may_be(std::string_view word, std::string_view name) {
  return name.starts_with("--") ? is_long_name(word, name) : has_letter(word, name.back());
}

bool is_wanted(std::string_view flag) {
  return !g_words || may_name(*g_words, flag);
}

CLI::Option* unused_option() {
  static CLI::App command;
  static CLI::Option* const option = command.add_flag("--unused");
  return option;
}

}  // namespace

void note_command_line(std::span<char*> words) {
  g_words = words;
}

bool may_name(std::span<char* const> words, std::string_view flag) {
  return std::ranges::any_of(words, [&](std::string_view word) {
    if (may_be(word, "--help") || may_be(word, "-h")) {
      return true;
    }
    std::string_view rest = flag;
    for (std::size_t end = 0; !rest.empty(); rest.remove_prefix(std::min(end + 1, rest.size()))) {
      end = std::min(rest.find(','), rest.size());
      if (may_be(word, rest.substr(0, end))) {
        return true;
      }
    }
    return false;
  });
}

CLI::Option* add_switch(CLI::App& command, const std::string& flag, bool& value,
                        const std::string& help) {
  return is_wanted(flag) ? command.add_flag(flag, value, help) : unused_option();
}

CLI::Option* add_value(CLI::App& command, const std::string& flag, std::string& value,
                       const std::string& value_name, const std::string& help) {
  return is_wanted(flag) ? command.add_option(flag, value, help)->type_name(value_name)
                         : unused_option();
}

CLI::Option* add_values(CLI::App& command, const std::string& flag,
                        std::vector<std::string>& values, const std::string& value_name,
                        const std::string& help) {
  return is_wanted(flag) ? command.add_option(flag, values, help)
                               ->type_name(value_name)
                               ->expected(1)
                               ->allow_extra_args(false)
                               ->take_all()
                         : unused_option();
}

}  // namespace bothy
