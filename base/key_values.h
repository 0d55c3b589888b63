// KeyValues: "PATH,ro,id=NAME": how a flag names a device and sets its options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bothy {

// Parts are separated by commas; a comma within a part is doubled. A part is KEY=VALUE, or KEY
// alone for a switch. The first part may be the bare value of one key (the lead): it is, unless it
// begins with a key and '='. A caller takes each key that it knows once; finish() refuses the rest.
class KeyValues {
 public:
  // `flag` begins every error ("--disk"). kInvalid for an empty part, or a repeated key.
  [[nodiscard]] static Result<KeyValues> parse(std::string_view flag, std::string_view text,
                                               std::string_view lead);

  // Nothing when the key is absent. A key without a value has an empty text.
  [[nodiscard]] std::optional<std::string> take(std::string_view key);
  // The same for a key that needs a value.
  [[nodiscard]] Result<std::optional<std::string>> take_value(std::string_view key);
  // True for KEY, KEY=on, =yes, =true and =1; false for off, no, false and 0, and without the key.
  [[nodiscard]] Result<bool> take_switch(std::string_view key);
  [[nodiscard]] Result<std::optional<std::uint64_t>> take_number(std::string_view key,
                                                                 std::uint64_t min,
                                                                 std::uint64_t max);
  // With K, M, G or T, as parse_size() reads them.
  [[nodiscard]] Result<std::optional<std::uint64_t>> take_size(std::string_view key,
                                                               std::uint64_t min = 0);
  // One of `choices`.
  [[nodiscard]] Result<std::optional<std::string>> take_choice(
      std::string_view key, std::initializer_list<std::string_view> choices);
  // An error that names the keys which were not taken.
  [[nodiscard]] Result<void> finish() const;

  // "--disk: <message>", kInvalid.
  [[nodiscard]] Error complain(std::string_view message) const;

 private:
  explicit KeyValues(std::string_view flag) : flag_(flag) {}

  struct Entry {
    std::string key;
    std::optional<std::string> value;
  };
  [[nodiscard]] std::optional<Entry> remove(std::string_view key);
  [[nodiscard]] Error invalid(std::string_view key, std::string_view value,
                              std::string_view expected) const;

  std::string flag_;
  std::vector<Entry> entries_;
};

// `text` as a part's value: its commas doubled.
[[nodiscard]] std::string escape_value(std::string_view text);

}  // namespace bothy
