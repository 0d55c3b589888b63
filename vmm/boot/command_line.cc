#include "vmm/boot/command_line.h"

#include <algorithm>
#include <cstdint>

namespace bothy::boot {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool same_parameter(std::string_view a, std::string_view b) noexcept {
  const auto fold = [](char c) { return c == '-' ? '_' : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [fold](char x, char y) { return fold(x) == fold(y); });
}

// A tab separates words as a space does; any other control byte would end the line, or hide in it.
bool is_forbidden(char c) noexcept {
  return (static_cast<std::uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && is_space(text[at])) {
      ++at;
    }
    if (at == text.size()) {
      return words;
    }
    const std::size_t start = at;
    bool quoted = false;
    for (; at < text.size() && (quoted || !is_space(text[at])); ++at) {
      if (text[at] == '"') {
        quoted = !quoted;
      }
    }
    words.push_back(text.substr(start, at - start));
  }
}

std::string_view parameter_name(std::string_view word) noexcept {
  if (word.starts_with('"')) {
    word.remove_prefix(1);
    if (word.ends_with('"')) {
      word.remove_suffix(1);
    }
  }
  return word.substr(0, word.find('='));
}

void CommandLine::add_default(std::string_view words) {
  for (const std::string_view word : split_words(words)) {
    defaults_.emplace_back(word);
  }
}

void CommandLine::add_last_default(std::string_view words) {
  for (const std::string_view word : split_words(words)) {
    last_defaults_.emplace_back(word);
  }
}

void CommandLine::add_user(std::string_view text) {
  if (!user_.empty() && !text.empty()) {
    user_ += ' ';
  }
  user_ += text;
}

bool CommandLine::user_sets(std::string_view parameter) const {
  for (const std::string_view word : split_words(user_)) {
    if (word == "--") {
      return false;
    }
    if (same_parameter(parameter_name(word), parameter)) {
      return true;
    }
  }
  return false;
}

void CommandLine::append_defaults(std::string& line, const std::vector<std::string>& words) const {
  for (const std::string& word : words) {
    if (!user_sets(parameter_name(word))) {
      line += (line.empty() ? "" : " ") + word;
    }
  }
}

Result<std::string> CommandLine::assemble(std::size_t limit) const {
  // The parameters behind "--" are init's.
  std::string_view users = user_;
  std::string_view inits;
  for (const std::string_view word : split_words(user_)) {
    if (word == "--") {
      const auto at = static_cast<std::size_t>(word.data() - user_.data());
      inits = users.substr(at);
      users = users.substr(0, at);
      break;
    }
  }
  std::string line;
  append_defaults(line, defaults_);
  if (!users.empty()) {
    line += (line.empty() ? "" : " ") + std::string(users);
  }
  if (std::ranges::count(users, '"') % 2 == 0) {  // else they would be part of the user's last word
    append_defaults(line, last_defaults_);
  }
  if (!inits.empty()) {
    line += (line.empty() || is_space(line.back()) ? "" : " ") + std::string(inits);
  }
  const auto bad = std::find_if(line.begin(), line.end(), is_forbidden);
  if (bad != line.end()) {
    return make_error(
        ErrorCode::kInvalid,
        "the kernel command line contains a control byte (0x{:02x}, at {}): it must be "
        "one line of plain text",
        static_cast<std::uint8_t>(*bad), bad - line.begin());
  }
  if (line.size() > limit) {
    return make_error(
        ErrorCode::kInvalid,
        "the kernel command line is {} bytes too long: it has {} bytes, {} of them bothy's "
        "defaults, and the kernel's limit is {}",
        line.size() - limit, line.size(), line.size() - user_.size(), limit);
  }
  return line;
}

}  // namespace bothy::boot
