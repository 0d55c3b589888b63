#include "container/cgroup_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/files.h"

namespace bothy::container {

int write_cgroup_file(int directory, const std::string& file, std::string_view value) {
  const UniqueFd fd(::openat(directory, file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) {
    return errno;
  }
  ssize_t written = 0;
  do {
    written = ::write(fd.get(), value.data(), value.size());
  } while (written < 0 && errno == EINTR);
  return written < 0 ? errno : 0;
}

std::optional<std::string> read_cgroup_file(int directory, const std::string& file) {
  const UniqueFd fd(::openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return std::nullopt;
  }
  auto text = read_to_end(fd.get(), file);
  return text ? std::optional(std::move(text).value()) : std::nullopt;
}

std::optional<std::string> read_cgroup_record(int directory, const std::string& file) {
  constexpr std::size_t kUsualSize = 4096;
  const UniqueFd fd(::openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(kUsualSize, '\0');
  const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (size < 0) {
    return std::nullopt;
  }
  if (static_cast<std::size_t>(size) == text.size()) {
    return read_cgroup_file(directory, file);
  }
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string cgroup_text(int directory, const std::string& file) {
  return read_cgroup_file(directory, file).value_or(std::string());
}

Error cgroup_error(std::string what, int error_number, std::string_view missing) {
  if (error_number != ENOENT) {
    return errno_error(std::move(what), error_number);
  }
  return {code_from_errno(ENOENT), std::move(what) + ": " + std::string(missing)};
}

Result<UniqueFd> open_cgroup(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return cgroup_error(fmt::format("can't open cgroup '{}'", printable(path)), errno);
  }
  return fd;
}

std::vector<std::string> split_at(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t start = text.find_first_not_of(" \n");
    if (start == std::string_view::npos) {
      return words;
    }
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    words.emplace_back(word);
    text.remove_prefix(word.size());
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.push_back(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

std::uint64_t number_of(std::string_view text) noexcept {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::uint64_t number_of_key(std::string_view text, std::string_view key) noexcept {
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return number_of(line.substr(key.size() + 1));
    }
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return 0;
}

}  // namespace bothy::container
