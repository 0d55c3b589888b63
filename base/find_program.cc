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

bool is_executable(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::vector<std::string> program_candidates(std::string_view program, std::string_view path) {
  if (program.find('/') != std::string_view::npos) {
    return {std::string(program)};
  }
  std::vector<std::string> candidates;
  while (!path.empty()) {
    const std::string_view directory = take_part(path, ':');
    candidates.push_back(fmt::format("{}/{}", directory.empty() ? "." : directory, program));
  }
  return candidates;
}

std::optional<std::string> find_program(std::string_view program, std::string_view path,
                                        std::initializer_list<std::string_view> others) {
  std::vector<std::string> candidates = program_candidates(program, path);
  for (const std::string_view directory : others) {
    candidates.push_back(fmt::format("{}/{}", directory, program));
  }
  const auto found = std::ranges::find_if(candidates, [](const std::string& candidate) {
    return candidate.starts_with('/') && is_executable(candidate);
  });
  return found == candidates.end() ? std::nullopt : std::optional(std::move(*found));
}

std::string_view path_variable() noexcept {
  const char* path = std::getenv("PATH");
  return path == nullptr ? "/usr/bin:/bin" : path;
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
