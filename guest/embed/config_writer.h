// Writes the records of guest/protocol/agent.h: a guest's configuration, and what a START frame
// has.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "guest/protocol/agent.h"

namespace bothy::guest {

// Appends records in the order of calls. The caller sees to it that values are what their keys
// have: strings of kArgument and its like hold no zero byte.
class ConfigWriter {
 public:
  // A configuration starts with its version; a process's records don't.
  [[nodiscard]] static ConfigWriter configuration();

  ConfigWriter& add(agent::Key key);  // one without a value
  ConfigWriter& add(agent::Key key, std::string_view value);
  // Several strings with a zero byte between them.
  ConfigWriter& add_strings(agent::Key key, std::initializer_list<std::string_view> values);
  // A number, or a structure of the protocol's, as it lies in memory.
  template <class T>
  requires(std::is_trivially_copyable_v<T> &&
           !std::is_convertible_v<T, std::string_view>) ConfigWriter& add(agent::Key key,
                                                                          const T& value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return add(key, std::string_view(bytes));
  }
  ConfigWriter& add_terminal(std::uint16_t columns, std::uint16_t rows);
  ConfigWriter& add_process(const ConfigWriter& process);

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace bothy::guest
