// Timeline: when what happened on the way from `bothy run` to its end, for --trace-timing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bothy::run {

// A plain value: the caller's goes to the owner, whose comes back as text. steady_clock is the same
// for both.
class Timeline {
 public:
  static constexpr std::size_t kMost = 256;  // marks: what comes after them isn't kept

  void mark(std::string_view what) {
    add(what, std::chrono::steady_clock::now().time_since_epoch().count());
  }
  // Lines of "<nanoseconds since boot> <what>", in the order of marks.
  [[nodiscard]] std::string text() const;
  // What text() has given, and more marks after it.
  void append(std::string_view text);
  // A table for people: milliseconds since `start`, and since the mark before.
  [[nodiscard]] std::string table(std::chrono::steady_clock::time_point start) const;

 private:
  void add(std::string_view what, std::int64_t at) {
    if (marks_.size() < kMost) {
      marks_.emplace_back(what, at);
    }
  }

  std::vector<std::pair<std::string, std::int64_t>> marks_;
};

}  // namespace bothy::run
