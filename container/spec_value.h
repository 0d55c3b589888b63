// SpecValue: a value of a config.json, read with checks of its type. Errors are kBadInput and name
// the value by its path: "config.json: process.cwd: expected a string". Part of the parser of
// specs.
#pragma once

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace bothy::container {

// A word of a configuration, and what it stands for.
template <class T>
struct NamedValue {
  std::string_view name;
  T value;
};

// Refers to the value that it was made of and to the value around it, which outlive it. A member
// that is null counts as absent.
class SpecValue {
 public:
  // The whole of the document that is named so.
  SpecValue(const boost::json::value& value, std::string_view document) noexcept
      : value_(value), parent_(nullptr), key_(document) {}

  // "config.json: process.cwd: <what>"
  [[nodiscard]] Error wrong(std::string_view what) const;
  [[nodiscard]] Error wrong(std::string_view key, std::string_view what) const;

  [[nodiscard]] const boost::json::value& json() const noexcept { return value_; }

  // Members of an object; it is an error when the value isn't one. An absent member leaves `into`.
  // No string has a NUL in it, and no number is out of `into`'s range, or of the one given.
  [[nodiscard]] Result<void> read(std::string_view key, std::string& into) const;
  [[nodiscard]] Result<void> read(std::string_view key, bool& into) const;
  [[nodiscard]] Result<void> read(std::string_view key, std::vector<std::string>& into) const;
  // In the order of the document.
  [[nodiscard]] Result<void> read(std::string_view key,
                                  std::vector<std::pair<std::string, std::string>>& into) const;
  template <class Number>
  [[nodiscard]] Result<void> read_number(
      std::string_view key, Number& into, Number least = std::numeric_limits<Number>::min(),
      Number greatest = std::numeric_limits<Number>::max()) const;
  template <class Number>
  [[nodiscard]] Result<void> read_number(
      std::string_view key, std::optional<Number>& into,
      Number least = std::numeric_limits<Number>::min(),
      Number greatest = std::numeric_limits<Number>::max()) const;
  // A word of the table; `kind` says in the error what the words are.
  template <class T, std::size_t kSize>
  [[nodiscard]] Result<void> read_word(std::string_view key, T& into,
                                       const std::array<NamedValue<T>, kSize>& table,
                                       std::string_view kind) const;
  // Starts with '/'.
  [[nodiscard]] Result<void> read_path(std::string_view key, std::string& into) const;
  [[nodiscard]] Result<void> read_paths(std::string_view key, std::vector<std::string>& into) const;

  // `reader` is Result<void>(const SpecValue&, T& into).
  template <class T, class Read>
  [[nodiscard]] Result<void> read_with(std::string_view key, T& into, Read reader) const;
  // Each element of an array.
  template <class T, class Read>
  [[nodiscard]] Result<void> read_each(std::string_view key, std::vector<T>& into,
                                       Read reader) const;
  // Each member of an object, as (const SpecValue&, std::string_view name).
  template <class Read>
  [[nodiscard]] Result<void> read_members(Read reader) const;

  [[nodiscard]] Result<bool> has(std::string_view key) const;
  // An error when the member is absent.
  [[nodiscard]] Result<void> require(std::string_view key) const;

  [[nodiscard]] Result<std::string> text() const;
  template <class Number>
  [[nodiscard]] Result<Number> number(Number least, Number greatest) const;
  template <class T, std::size_t kSize>
  [[nodiscard]] Result<T> word(const std::array<NamedValue<T>, kSize>& table,
                               std::string_view kind) const;

 private:
  SpecValue(const boost::json::value& value, const SpecValue& parent, std::string_view key) noexcept
      : value_(value), parent_(&parent), key_(key) {}
  SpecValue(const boost::json::value& value, const SpecValue& parent, std::size_t index) noexcept
      : value_(value), parent_(&parent), index_(index) {}

  [[nodiscard]] std::string path() const;
  // Null when the member is absent.
  [[nodiscard]] Result<const boost::json::value*> find(std::string_view key) const;
  [[nodiscard]] Result<const boost::json::object*> members() const;
  [[nodiscard]] Result<const boost::json::array*> elements() const;
  // Nothing when the value isn't an integer in the range.
  [[nodiscard]] std::optional<std::int64_t> integer(std::int64_t least,
                                                    std::int64_t greatest) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> integer(std::uint64_t least,
                                                     std::uint64_t greatest) const noexcept;

  const boost::json::value& value_;
  const SpecValue* parent_;  // null: the document
  std::string_view key_;
  std::optional<std::size_t> index_;  // of an element of an array
};

template <class Number>
Result<Number> SpecValue::number(Number least, Number greatest) const {
  using Wide = std::conditional_t<std::is_signed_v<Number>, std::int64_t, std::uint64_t>;
  const std::optional<Wide> value = integer(Wide{least}, Wide{greatest});
  if (!value) {
    return wrong(fmt::format("expected an integer from {} to {}", least, greatest));
  }
  return static_cast<Number>(*value);
}

template <class Number>
Result<void> SpecValue::read_number(std::string_view key, Number& into, Number least,
                                    Number greatest) const {
  return read_with(key, into, [&](const SpecValue& value, Number& number) -> Result<void> {
    BOTHY_TRY(number, value.number<Number>(least, greatest));
    return success();
  });
}

template <class Number>
Result<void> SpecValue::read_number(std::string_view key, std::optional<Number>& into, Number least,
                                    Number greatest) const {
  return read_with(key, into,
                   [&](const SpecValue& value, std::optional<Number>& number) -> Result<void> {
                     BOTHY_TRY(number, value.number<Number>(least, greatest));
                     return success();
                   });
}

template <class T, std::size_t kSize>
Result<T> SpecValue::word(const std::array<NamedValue<T>, kSize>& table,
                          std::string_view kind) const {
  BOTHY_TRY(const std::string name, text());
  const auto* const found = std::ranges::find(table, name, &NamedValue<T>::name);
  if (found == table.end()) {
    return wrong(fmt::format("unknown {} '{}'", kind, printable(name)));
  }
  return found->value;
}

template <class T, std::size_t kSize>
Result<void> SpecValue::read_word(std::string_view key, T& into,
                                  const std::array<NamedValue<T>, kSize>& table,
                                  std::string_view kind) const {
  return read_with(key, into, [&](const SpecValue& value, T& chosen) -> Result<void> {
    BOTHY_TRY(chosen, value.word(table, kind));
    return success();
  });
}

template <class T, class Read>
Result<void> SpecValue::read_with(std::string_view key, T& into, Read reader) const {
  BOTHY_TRY(const boost::json::value* value, find(key));
  if (value == nullptr) {
    return success();
  }
  return reader(SpecValue(*value, *this, key), into);
}

template <class T, class Read>
Result<void> SpecValue::read_each(std::string_view key, std::vector<T>& into, Read reader) const {
  return read_with(key, into, [&](const SpecValue& array, std::vector<T>& all) -> Result<void> {
    BOTHY_TRY(const boost::json::array* elements, array.elements());
    for (const boost::json::value& element : *elements) {
      T one{};
      BOTHY_TRY(reader(
          SpecValue(element, array, static_cast<std::size_t>(&element - elements->data())), one));
      all.push_back(std::move(one));
    }
    return success();
  });
}

template <class Read>
Result<void> SpecValue::read_members(Read reader) const {
  BOTHY_TRY(const boost::json::object* all, members());
  for (const auto& member : *all) {
    const std::string_view name(member.key().data(), member.key().size());
    const SpecValue value(member.value(), *this, name);
    if (name.find('\0') != std::string_view::npos) {
      return value.wrong("a NUL in the name");
    }
    BOTHY_TRY(reader(value, name));
  }
  return success();
}

}  // namespace bothy::container
