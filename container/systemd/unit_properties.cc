#include "container/systemd/unit_properties.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/files.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();  // CGROUP_LIMIT_MAX

void put(DBusWriter& writer, bool value) {
  writer.put_bool(value);
}
void put(DBusWriter& writer, const std::string& value) {
  writer.put_text(value);
}

template <class T>
requires std::is_integral_v<T>
void put(DBusWriter& writer, T value) {
  if constexpr (sizeof(T) == 1) {
    writer.put_byte(value);
  } else if constexpr (sizeof(T) == 2) {
    writer.put_u16(static_cast<std::uint16_t>(value));
  } else if constexpr (sizeof(T) == 4) {
    writer.put_u32(static_cast<std::uint32_t>(value));
  } else {
    writer.put_u64(static_cast<std::uint64_t>(value));
  }
}

template <class T>
void put(DBusWriter& writer, const std::vector<T>& list) {
  constexpr std::size_t kAlignment = sizeof(T) == 1 ? 1 : 4;
  const std::size_t begin = writer.begin_array(kAlignment);
  for (const T& each : list) {
    put(writer, each);
  }
  writer.end_array(begin, kAlignment);
}

void put_value(DBusWriter& writer, const UnitValue& value) {
  constexpr std::array<std::string_view, 11> kTypes{"b", "n", "q",  "i",  "u", "x",
                                                    "t", "s", "as", "au", "ay"};
  writer.put_signature(kTypes.at(value.index()));
  std::visit([&](const auto& each) { put(writer, each); }, value);
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()
             ? std::optional<T>(value)
             : std::nullopt;
}

std::uint64_t or_infinity(std::string_view text) {
  return text == "max" ? kInfinity : number<std::uint64_t>(text).value_or(kInfinity);
}

// "0-3,8" as a bit mask, the first CPU or node in the lowest bit of the first byte.
Result<std::vector<std::uint8_t>> bit_mask(const LimitWrite& write) {
  constexpr std::uint32_t kMost = 8192;  // CPUs of Linux on any machine
  std::vector<std::uint8_t> mask;
  std::string text = write.value;
  std::erase_if(text, [](char each) { return each == ' ' || each == '\n'; });
  for (const std::string& range : split_at(text, ',')) {
    const std::size_t dash = range.find('-');
    const auto first = number<std::uint32_t>(std::string_view(range).substr(0, dash));
    const auto last = dash == std::string::npos
                          ? first
                          : number<std::uint32_t>(std::string_view(range).substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMost) {
      return make_error(ErrorCode::kInvalid, "invalid {} '{}': expected a list as '0-3,8'",
                        write.limit, printable(write.value));
    }
    mask.resize(std::max<std::size_t>(mask.size(), *last / 8 + 1));
    for (std::uint32_t bit = *first; bit <= *last; ++bit) {
      mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 1U << bit % 8);
    }
  }
  return mask;
}

// systemd counts in hundredths of a CPU, so a quota is rounded up to the next.
void add_cpu_max(const LimitWrite& write, UnitProperties& properties) {
  constexpr std::uint64_t kUsualPeriod = 100'000;
  constexpr std::uint64_t kSecond = 1'000'000;
  constexpr std::uint64_t kHundredth = kSecond / 100;
  const std::vector<std::string> words = words_of(write.value);
  const std::uint64_t quota = or_infinity(words.empty() ? "max" : words[0]);
  const std::uint64_t period =
      words.size() > 1 ? number<std::uint64_t>(words[1]).value_or(0) : kUsualPeriod;
  std::uint64_t per_second = kInfinity;
  if (period != 0 && quota <= kInfinity / kSecond - kHundredth) {
    per_second = quota * kSecond / period;
    per_second = (per_second + kHundredth - 1) / kHundredth * kHundredth;
  }
  properties.push_back({"CPUQuotaPerSecUSec", per_second});
  if (words.size() > 1) {
    properties.push_back({"CPUQuotaPeriodUSec", period});
  }
}

// Annotations.

constexpr std::string_view kPrefix = "org.systemd.property.";

Error invalid_annotation(std::string_view name, std::string_view value) {
  return make_error(ErrorCode::kInvalid,
                    "annotation {}{}: invalid value '{}': expected a text of GVariant, as true, "
                    "'text', 7, uint64 7 or ['a', 'b']",
                    kPrefix, printable(name), printable(value));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n";
  const std::size_t first = text.find_first_not_of(kSpaces);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// 'text' or "text" at the beginning of `rest`, of which it is removed. A backslash quotes the
// character after it.
std::optional<std::string> quoted(std::string_view& rest) {
  if (rest.empty() || (rest.front() != '\'' && rest.front() != '"')) {
    return std::nullopt;
  }
  const char quote = rest.front();
  std::string text;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == quote) {
      rest.remove_prefix(i + 1);
      return text;
    }
    i += rest[i] == '\\' && i + 1 < rest.size() ? 1 : 0;
    text += rest[i];
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> list(std::string_view text) {
  text = trimmed(text.substr(1, text.size() - 2));
  std::vector<std::string> elements;
  while (!text.empty()) {
    if (!elements.empty()) {
      if (!text.starts_with(',')) {
        return std::nullopt;
      }
      text = trimmed(text.substr(1));
    }
    std::optional<std::string> element = quoted(text);
    if (!element) {
      return std::nullopt;
    }
    elements.push_back(std::move(*element));
    text = trimmed(text);
  }
  return elements;
}

template <class T>
std::optional<UnitValue> as_value(const std::optional<T>& value) {
  return value ? std::optional<UnitValue>(UnitValue(*value)) : std::nullopt;
}

std::optional<UnitValue> number_value(std::string_view type, std::string_view text) {
  using Parse = std::optional<UnitValue> (*)(std::string_view);
  struct Type {
    std::string_view name;
    Parse parse;
  };
  constexpr std::array<Type, 7> kNumbers{{
      {"", [](std::string_view each) { return as_value(number<std::int32_t>(each)); }},
      {"int16", [](std::string_view each) { return as_value(number<std::int16_t>(each)); }},
      {"uint16", [](std::string_view each) { return as_value(number<std::uint16_t>(each)); }},
      {"int32", [](std::string_view each) { return as_value(number<std::int32_t>(each)); }},
      {"uint32", [](std::string_view each) { return as_value(number<std::uint32_t>(each)); }},
      {"int64", [](std::string_view each) { return as_value(number<std::int64_t>(each)); }},
      {"uint64", [](std::string_view each) { return as_value(number<std::uint64_t>(each)); }},
  }};
  const auto* found = std::ranges::find(kNumbers, type, &Type::name);
  return found == kNumbers.end() ? std::nullopt : found->parse(text);
}

std::optional<UnitValue> annotation_value(std::string_view text) {
  text = trimmed(text);
  if (text == "true" || text == "false") {
    return UnitValue(text == "true");
  }
  if (text.size() >= 2 && text.starts_with('[') && text.ends_with(']')) {
    return as_value(list(text));
  }
  if (std::optional<std::string> whole = quoted(text)) {
    return text.empty() ? as_value(whole) : std::nullopt;
  }
  const std::size_t space = text.find(' ');
  return space == std::string_view::npos
             ? number_value("", text)
             : number_value(text.substr(0, space), trimmed(text.substr(space)));
}

// systemd's interface knows times in microseconds alone.
std::optional<UnitValue> microseconds(const UnitValue& value) {
  return std::visit(
      [](const auto& each) -> std::optional<UnitValue> {
        using T = std::decay_t<decltype(each)>;
        constexpr std::uint64_t kSecond = 1'000'000;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          if (std::in_range<std::uint64_t>(each) &&
              static_cast<std::uint64_t>(each) <= kInfinity / kSecond) {
            return UnitValue(static_cast<std::uint64_t>(each) * kSecond);
          }
        }
        return std::nullopt;
      },
      value);
}

}  // namespace

void put_properties(DBusWriter& writer, const UnitProperties& properties) {
  constexpr std::size_t kStruct = 8;
  const std::size_t begin = writer.begin_array(kStruct);
  for (const UnitProperty& each : properties) {
    writer.align(kStruct);
    writer.put_text(each.name);
    put_value(writer, each.value);
  }
  writer.end_array(begin, kStruct);
}

Result<UnitProperties> limit_properties(const LimitWrites& writes) {
  struct Name {
    std::string_view file;
    const char* property;
  };
  constexpr std::array<Name, 8> kNumbers{{{"memory.max", "MemoryMax"},
                                          {"memory.high", "MemoryHigh"},
                                          {"memory.low", "MemoryLow"},
                                          {"memory.min", "MemoryMin"},
                                          {"memory.swap.max", "MemorySwapMax"},
                                          {"pids.max", "TasksMax"},
                                          {"cpu.weight", "CPUWeight"},
                                          {"io.weight", "IOWeight"}}};
  constexpr std::array<Name, 2> kSets{
      {{"cpuset.cpus", "AllowedCPUs"}, {"cpuset.mems", "AllowedMemoryNodes"}}};
  UnitProperties properties;
  for (const LimitWrite& write : writes) {
    const auto* of_number = std::ranges::find(kNumbers, write.file, &Name::file);
    const auto* of_set = std::ranges::find(kSets, write.file, &Name::file);
    if (of_number != kNumbers.end()) {
      properties.push_back({of_number->property, or_infinity(write.value)});
    } else if (of_set != kSets.end()) {
      BOTHY_TRY(std::vector<std::uint8_t> mask, bit_mask(write));
      properties.push_back({of_set->property, std::move(mask)});
    } else if (write.file == "cpu.max") {
      add_cpu_max(write, properties);
    }
  }
  return properties;
}

Result<UnitProperties> annotated_properties(const std::map<std::string, std::string>& annotations) {
  UnitProperties properties;
  for (auto each = annotations.lower_bound(std::string(kPrefix));
       each != annotations.end() && each->first.starts_with(kPrefix); ++each) {
    std::string name = each->first.substr(kPrefix.size());
    std::optional<UnitValue> value = annotation_value(each->second);
    if (value && name.ends_with("Sec") && !name.ends_with("USec")) {
      value = microseconds(*value);
      name.replace(name.size() - 3, 3, "USec");
    }
    if (!value || name.empty()) {
      return invalid_annotation(each->first.substr(kPrefix.size()), each->second);
    }
    properties.push_back({std::move(name), std::move(*value)});
  }
  return properties;
}

}  // namespace bothy::container
