#include "base/find_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"

namespace bothy {
namespace {

constexpr std::size_t kMaxLine = 1000;

// The part of `text` before `separator`, which is removed from it with the separator.
std::string_view take_part(std::string_view& text, char separator) noexcept {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<std::string> look_in(std::string_view directory, std::string_view program) {
  struct stat status {};
  std::string candidate = fmt::format("{}/{}", directory, program);
  const bool found = directory.starts_with('/') && ::stat(candidate.c_str(), &status) == 0 &&
                     S_ISREG(status.st_mode) && ::access(candidate.c_str(), X_OK) == 0;
  return found ? std::optional(std::move(candidate)) : std::nullopt;
}

}  // namespace

std::optional<std::string> find_program(std::string_view program, std::string_view path,
                                        std::initializer_list<std::string_view> others) {
  while (!path.empty()) {
    if (auto found = look_in(take_part(path, ':'), program)) {
      return found;
    }
  }
  for (const std::string_view directory : others) {
    if (auto found = look_in(directory, program)) {
      return found;
    }
  }
  return std::nullopt;
}

std::string_view path_variable() noexcept {
  const char* path = std::getenv("PATH");
  return path == nullptr ? std::string_view() : path;
}

std::string last_line(std::string_view output, std::string_view skipped) {
  std::string_view last;
  while (!output.empty()) {
    const std::string_view line = take_part(output, '\n');
    if (!line.empty() && (skipped.empty() || line.find(skipped) == std::string_view::npos)) {
      last = line;
    }
  }
  return last.empty() ? "no error message" : printable(last, kMaxLine);
}

}  // namespace bothy
