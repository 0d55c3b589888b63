// Timeline: the times of steps from `bothy run` to its end, for --trace-timing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bothy::run {

// A plain value. The client appends the owner's, which it gets as text; both use steady_clock.
class Timeline {
 public:
  static constexpr std::size_t kMaxMarks = 256;  // later ones are dropped

  void mark(std::string_view what) {
    add(what, std::chrono::steady_clock::now().time_since_epoch().count());
  }
  // Lines of "<nanoseconds since boot> <what>", in the order of marks.
  [[nodiscard]] std::string text() const;
  // Adds the marks of a text().
  void append(std::string_view text);
  // A table for people: milliseconds since `start`, and since the mark before.
  [[nodiscard]] std::string table(std::chrono::steady_clock::time_point start) const;

 private:
  void add(std::string_view what, std::int64_t at) {
    if (marks_.size() < kMaxMarks) {
      marks_.emplace_back(what, at);
    }
  }

  std::vector<std::pair<std::string, std::int64_t>> marks_;
};

}  // namespace bothy::run
