#include "base/key_values.h"

#include <algorithm>
#include <charconv>

#include "base/units.h"

namespace bothy {
namespace {

std::vector<std::string> split_parts(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      parts.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += ',';
      ++i;
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

// The length of the key that a part begins with; 0 for a part that doesn't begin with "KEY=".
std::size_t key_length(std::string_view part) {
  const auto end = part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-");
  return end != std::string_view::npos && part[end] == '=' ? end : 0;
}

}  // namespace

Result<KeyValues> KeyValues::parse(std::string_view flag, std::string_view text,
                                   std::string_view lead) {
  KeyValues values(flag);
  bool first = true;
  for (std::string& part : split_parts(text)) {
    const std::size_t length = key_length(part);
    Entry entry;
    if (length > 0) {
      entry = {part.substr(0, length), part.substr(length + 1)};
    } else if (first && !lead.empty()) {
      entry = {std::string(lead), std::move(part)};
    } else {
      entry = {std::move(part), std::nullopt};
    }
    first = false;
    if (entry.key.empty() || (entry.key == lead && entry.value->empty())) {
      return values.complain(fmt::format("empty value or option in '{}'", text));
    }
    if (std::ranges::any_of(values.entries_, [&](const Entry& e) { return e.key == entry.key; })) {
      return values.complain(fmt::format("{} is given more than once", entry.key));
    }
    values.entries_.push_back(std::move(entry));
  }
  return values;
}

std::optional<KeyValues::Entry> KeyValues::remove(std::string_view key) {
  const auto at = std::ranges::find(entries_, key, &Entry::key);
  if (at == entries_.end()) {
    return std::nullopt;
  }
  Entry entry = std::move(*at);
  entries_.erase(at);
  return entry;
}

std::optional<std::string> KeyValues::take(std::string_view key) {
  auto entry = remove(key);
  return entry ? std::optional(std::move(entry->value).value_or("")) : std::nullopt;
}

Result<std::optional<std::string>> KeyValues::take_value(std::string_view key) {
  auto entry = remove(key);
  if (!entry) {
    return std::optional<std::string>();
  }
  if (!entry->value || entry->value->empty()) {
    return complain(fmt::format("{} needs a value: expected {}=VALUE", key, key));
  }
  return std::move(entry->value);
}

Result<bool> KeyValues::take_switch(std::string_view key) {
  const auto entry = remove(key);
  if (!entry) {
    return false;
  }
  const std::string& word = entry->value.value_or("on");
  for (const std::string_view yes : {"on", "yes", "true", "1"}) {
    if (word == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"off", "no", "false", "0"}) {
    if (word == no) {
      return false;
    }
  }
  return invalid(key, word, "on or off");
}

Result<std::optional<std::uint64_t>> KeyValues::take_number(std::string_view key, std::uint64_t min,
                                                            std::uint64_t max) {
  BOTHY_TRY(const auto text, take_value(key));
  if (!text) {
    return std::optional<std::uint64_t>();
  }
  std::uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || rest != end || number < min || number > max) {
    return invalid(key, *text, fmt::format("a number from {} to {}", min, max));
  }
  return std::optional(number);
}

Result<std::optional<std::uint64_t>> KeyValues::take_size(std::string_view key, std::uint64_t min) {
  BOTHY_TRY(const auto text, take_value(key));
  if (!text) {
    return std::optional<std::uint64_t>();
  }
  const auto size = parse_size(*text);
  if (!size) {
    return complain(fmt::format("{}: {}", key, size.error().context));
  }
  if (size.value() < min) {
    return invalid(key, *text, fmt::format("a size of at least {}", min));
  }
  return std::optional(size.value());
}

Result<std::optional<std::string>> KeyValues::take_choice(
    std::string_view key, std::initializer_list<std::string_view> choices) {
  BOTHY_TRY(auto word, take_value(key));
  if (word && std::ranges::find(choices, *word) == choices.end()) {
    return invalid(key, *word, fmt::format("{}", fmt::join(choices, " or ")));
  }
  return word;
}

Result<void> KeyValues::finish() const {
  if (entries_.empty()) {
    return success();
  }
  std::vector<std::string_view> names;
  for (const Entry& entry : entries_) {
    names.emplace_back(entry.key);
  }
  return complain(fmt::format("unknown option: {}", fmt::join(names, ", ")));
}

Error KeyValues::complain(std::string_view message) const {
  return make_error(ErrorCode::kInvalid, "{}: {}", flag_, message);
}

Error KeyValues::invalid(std::string_view key, std::string_view value,
                         std::string_view expected) const {
  return complain(fmt::format("invalid value '{}' for {}: expected {}", value, key, expected));
}

std::string escape_value(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    escaped.append(c == ',' ? 2 : 1, c);
  }
  return escaped;
}

}  // namespace bothy
