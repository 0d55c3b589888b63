// Lines of a probe's output.
#pragma once

#include <algorithm>
#include <string_view>

namespace bothy::bench {

// The next line, without its end, which a terminal may have made "\r\n"; `text` goes on behind it.
inline std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

}  // namespace bothy::bench
