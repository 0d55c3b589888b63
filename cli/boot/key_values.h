// KeyValues: "PATH,ro,id=NAME": how a flag names a device and what it is like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bothy {

// Parts are parted by commas, and a comma that is meant is doubled. A part is KEY=VALUE, or KEY
// alone for one that is on. The first part may be the value of a key that need not be said (the
// lead): it is one unless it begins as `key=` does. Each key is taken once by who knows it; those
// that nobody took are an error.
class KeyValues {
 public:
  // `flag` is what errors call it ("--disk"). kInvalid for an empty part, or a key said twice.
  [[nodiscard]] static Result<KeyValues> parse(std::string_view flag, std::string_view text,
                                               std::string_view lead);

  // Nothing when the key isn't there. One without a value has an empty text.
  [[nodiscard]] std::optional<std::string> take(std::string_view key);
  // The same for one that must have a value.
  [[nodiscard]] Result<std::optional<std::string>> take_value(std::string_view key);
  // True for KEY, KEY=on, =yes, =true and =1; false for off, no, false and 0, and without the key.
  [[nodiscard]] Result<bool> take_switch(std::string_view key);
  [[nodiscard]] Result<std::optional<std::uint64_t>> take_number(std::string_view key,
                                                                 std::uint64_t least,
                                                                 std::uint64_t most);
  // With K, M, G or T, as parse_size() has it.
  [[nodiscard]] Result<std::optional<std::uint64_t>> take_size(std::string_view key,
                                                               std::uint64_t least = 0);
  // One of `choices`.
  [[nodiscard]] Result<std::optional<std::string>> take_choice(
      std::string_view key, std::initializer_list<std::string_view> choices);
  // An error that names the keys which nobody took.
  [[nodiscard]] Result<void> finish() const;

  // "--disk: <what>", an error in the words of this flag.
  [[nodiscard]] Error complain(std::string_view what) const;

 private:
  explicit KeyValues(std::string_view flag) : flag_(flag) {}

  struct Entry {
    std::string key;
    std::optional<std::string> value;
  };
  [[nodiscard]] std::optional<Entry> remove(std::string_view key);

  std::string flag_;
  std::vector<Entry> entries_;
};

// `text` as a part's value: its commas doubled.
[[nodiscard]] std::string escape_value(std::string_view text);

}  // namespace bothy
