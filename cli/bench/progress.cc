#include "cli/bench/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace bothy {
namespace {

constexpr std::string_view kClear = "\r\033[K";
constexpr std::chrono::milliseconds kBetween{200};

void put(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

BenchProgress::BenchProgress() : terminal_(::isatty(STDERR_FILENO) != 0) {}

BenchProgress::~BenchProgress() {
  clear();
}

void BenchProgress::update(std::string_view what, std::size_t done, std::size_t all) {
  if (!terminal_ || Clock::now() < next_) {
    return;
  }
  next_ = Clock::now() + kBetween;
  shown_ = true;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun_).count();
  put(fmt::format("{}[{}:{:02}] {}: {} of {}", kClear, seconds / 60, seconds % 60, what,
                  std::min(done + 1, all), all));
}

void BenchProgress::clear() {
  if (shown_) {
    put(kClear);
    shown_ = false;
  }
}

}  // namespace bothy
