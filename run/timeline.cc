#include "run/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace bothy::run {

std::string Timeline::text() const {
  std::string text;
  for (const auto& [what, at] : marks_) {
    text += fmt::format("{} {}\n", at, what);
  }
  return text;
}

void Timeline::append(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::int64_t at = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), at);
    if (error == std::errc() && end != line.data() + line.size()) {
      add(line.substr(static_cast<std::size_t>(end + 1 - line.data())), at);
    }
  }
}

std::string Timeline::table(std::chrono::steady_clock::time_point start) const {
  constexpr double kMillisecond = 1e6;
  auto marks = marks_;
  std::ranges::stable_sort(marks, {}, [](const auto& mark) { return mark.second; });
  std::string text = fmt::format("{:>10} {:>10}  {}", "ms", "since last", "what");
  std::int64_t before = start.time_since_epoch().count();
  const std::int64_t first = before;
  for (const auto& [what, at] : marks) {
    text += fmt::format("\n{:>10.3f} {:>10.3f}  {}", static_cast<double>(at - first) / kMillisecond,
                        static_cast<double>(at - before) / kMillisecond, what);
    before = at;
  }
  return text;
}

}  // namespace bothy::run
