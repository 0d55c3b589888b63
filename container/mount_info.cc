#include "container/mount_info.h"

#include <algorithm>

#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

// mountinfo writes a space, a tab, a line feed and a backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const bool escaped = text.size() >= 4 && text[0] == '\\' &&
                         std::ranges::all_of(text.substr(1, 3), [](char digit) {
                           return digit >= '0' && digit <= '7';
                         });
    if (escaped) {
      plain += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
    } else {
      plain += text.front();
    }
    text.remove_prefix(escaped ? 4 : 1);
  }
  return plain;
}

}  // namespace

std::optional<MountInfo> parse_mount_info(std::string_view line) {
  const std::vector<std::string> fields = words_of(line);
  if (fields.size() < 6) {
    return std::nullopt;
  }
  const auto separator = std::find(fields.begin() + 6, fields.end(), "-");
  if (fields.end() - separator < 4) {
    return std::nullopt;
  }
  return MountInfo{unescape(fields[3]), unescape(fields[4]), separator[1],
                   split_at(separator[3], ',')};
}

}  // namespace bothy::container
