#include "cli/doctor/host.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <system_error>

#include "base/process.h"
#include "base/unique_fd.h"

namespace bothy::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kSpace = " \t\n\r";
constexpr std::size_t kMaxFile = 1U << 20U;
// Between SIGKILL and the end of a process, unless it hangs in the kernel.
constexpr milliseconds kKillTimeout{200};

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  text.resize(text.find_last_not_of(kSpace) + 1);
  return text;
}

int open_error(const char* path) noexcept {
  const UniqueFd fd(::open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  return fd ? 0 : errno;
}

std::optional<std::string> run_in_child(milliseconds limit,
                                        const std::function<std::string()>& body) {
  ProcessOptions options;
  options.captured = {STDOUT_FILENO};
  auto started = Process::start_function(options, [&body] {
    const std::string text = body();
    const auto written = ::write(STDOUT_FILENO, text.data(), text.size());
    return written == static_cast<ssize_t>(text.size()) ? 0 : 1;
  });
  if (!started) {
    return std::nullopt;
  }
  Process& child = started.value();
  if (child.read_output({steady_clock::now() + limit}) != Process::OutputEnd::kClosed) {
    child.kill(SIGKILL);
  }
  const auto end = child.wait_until(steady_clock::now() + kKillTimeout);
  if (!end) {
    // It hangs in the kernel, and waiting for it would be the hang that this prevents.
    child.kill(SIGKILL);
    child.abandon();
  }
  return end && end->succeeded() ? std::optional(child.output()) : std::nullopt;
}

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  for (auto start = text.find_first_not_of(kSpace); start != std::string_view::npos;
       start = text.find_first_not_of(kSpace)) {
    text.remove_prefix(start);
    const auto end = std::min(text.find_first_of(kSpace), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return result;
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

unsigned long long to_number(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  unsigned long long value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() ? value : 0;
}

}  // namespace bothy::doctor
