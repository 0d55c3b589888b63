#include "cli/oci/process_table.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace bothy {
namespace {

std::vector<std::string_view> words_of_line(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(' '); at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return words;
}

}  // namespace

Result<std::string> rows_of_processes(std::string_view table, const std::set<pid_t>& pids) {
  std::string text;
  std::optional<std::size_t> column;
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    const std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    const std::vector<std::string_view> words = words_of_line(line);
    if (!column) {
      const auto found = std::ranges::find(words, "PID");
      if (found == words.end()) {
        return make_error(ErrorCode::kInvalid, "ps: its options leave out the column PID");
      }
      column = static_cast<std::size_t>(found - words.begin());
      text = line;
      continue;
    }
    pid_t pid = 0;
    if (*column < words.size()) {
      const std::string_view word = words[*column];
      std::from_chars(word.data(), word.data() + word.size(), pid);
    }
    if (pids.contains(pid)) {
      text.append("\n").append(line);
    }
  }
  return text;
}

}  // namespace bothy
