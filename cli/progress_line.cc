#include "cli/progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

#include "base/files.h"
#include "cli/image/report.h"

namespace bothy {
namespace {

constexpr std::string_view kClear = "\r\033[K";

void put(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDERR_FILENO) != 0), next_(Clock::now() + std::chrono::seconds(1)) {}

ProgressLine::~ProgressLine() {
  if (shown_) {
    put(kClear);
  }
}

void ProgressLine::update(std::string_view what, std::uint64_t done, std::uint64_t all) {
  if (!terminal_ || Clock::now() < next_) {
    return;
  }
  next_ = Clock::now() + std::chrono::milliseconds(200);
  shown_ = true;
  std::string line = printable(what) + ": " + format_bytes(done);
  if (all > 0) {
    line += fmt::format(" of {} ({} %)", format_bytes(all), done >= all ? 100 : done * 100 / all);
  }
  put(std::string(kClear) + line.substr(0, columns() - 1));
}

}  // namespace bothy
