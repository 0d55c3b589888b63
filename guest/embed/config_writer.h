// Writes records of guest/protocol/agent.h: configurations and the content of START frames.
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

// Appends records in the order of calls. The caller ensures that values fit their keys: strings
// such as kArgument's contain no zero byte.
class ConfigWriter {
 public:
  // Starts with the version record. Records of a process have none.
  [[nodiscard]] static ConfigWriter configuration();

  ConfigWriter& add(agent::Key key);  // without a value
  ConfigWriter& add(agent::Key key, std::string_view value);
  // Strings, separated by zero bytes.
  ConfigWriter& add_strings(agent::Key key, std::initializer_list<std::string_view> values);
  // A number or a structure of the protocol, in its binary form.
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
