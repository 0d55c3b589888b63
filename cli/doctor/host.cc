#include "cli/doctor/host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

#include "base/unique_fd.h"

namespace bothy::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kSpace = " \t\n\r";
constexpr std::size_t kMaxFile = 1U << 20U;

[[noreturn]] void run_child(int fd, const std::function<std::string()>& body) {
  // A child must end as one whatever happens: an exception may not climb into the parent's stack.
  try {
    const std::string result = body();
    const auto written = ::write(fd, result.data(), result.size());
    ::_exit(written == static_cast<ssize_t>(result.size()) ? 0 : 1);
  } catch (...) {
    ::_exit(1);
  }
}

// Reads until the other end is closed; false when that doesn't happen in time.
bool read_until_end(int fd, steady_clock::time_point deadline, std::string& text) {
  std::array<char, 4096> buffer;
  while (true) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    pollfd ready{fd, POLLIN, 0};
    const int polled = left <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left));
    if (polled < 0 && errno == EINTR) {
      continue;
    }
    if (polled <= 0) {
      return false;
    }
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      return count == 0;
    }
  }
}

// True when the child ended with status 0. One that even SIGKILL doesn't end sits in the kernel,
// and waiting for it would be the hang that this is to prevent.
bool reap(pid_t child) {
  int status = 0;
  for (int i = 0; i < 100; ++i) {
    const pid_t reaped = ::waitpid(child, &status, WNOHANG);
    if (reaped == child) {
      return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    if (reaped < 0 && errno != EINTR) {
      return false;
    }
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

bool is_executable_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

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

std::optional<std::string> find_program(std::string_view program, std::string_view path_variable,
                                        const std::vector<std::string_view>& other_directories) {
  std::vector<std::string_view> directories;
  while (!path_variable.empty()) {
    const auto colon = path_variable.find(':');
    directories.push_back(path_variable.substr(0, colon));
    path_variable.remove_prefix(colon == std::string_view::npos ? path_variable.size() : colon + 1);
  }
  directories.insert(directories.end(), other_directories.begin(), other_directories.end());
  for (const std::string_view directory : directories) {
    const std::string candidate = std::string(directory) + "/" + std::string(program);
    if (!directory.empty() && is_executable_file(candidate)) {
      return candidate;
    }
  }
  return std::nullopt;
}

std::optional<std::string> run_in_child(milliseconds limit,
                                        const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    return std::nullopt;
  }
  if (child == 0) {
    run_child(writing.get(), body);
  }
  writing.reset();
  std::string text;
  const bool complete = read_until_end(reading.get(), steady_clock::now() + limit, text);
  if (!complete) {
    ::kill(child, SIGKILL);
  }
  return reap(child) && complete ? std::optional(std::move(text)) : std::nullopt;
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
