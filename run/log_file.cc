#include "run/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/utc_time.h"

namespace bothy::run {
namespace {

constexpr std::size_t kBufferSize = 64U << 10U;

// Removes and returns the text before the next space, which is removed too.
std::string_view take_word(std::string_view& line) noexcept {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::string older_than(const std::string& path) {
  return path + ".1";
}

bool is_same(const UniqueFd& one, const UniqueFd& other) noexcept {
  struct stat first {};
  struct stat second {};
  return ::fstat(one.get(), &first) == 0 && ::fstat(other.get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

Result<LogFile> LogFile::create(const std::string& path, std::uint64_t limit) {
  BOTHY_TRY(UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_APPEND, 0600));
  return LogFile(path, std::move(fd), limit);
}

void LogFile::begin_anew() noexcept {
  size_ = 0;
  if (rename_file(path_, older_than(path_))) {
    if (auto fd = open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600)) {
      fd_ = std::move(fd).value();
    }
  }
}

void LogFile::append(Stream stream, std::span<const std::byte> bytes) noexcept {
  const std::string head = utc_now() + (stream == Stream::kOutput ? " stdout " : " stderr ");
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string text;
  while (!rest.empty()) {
    const std::size_t newline = rest.find('\n');
    const bool whole = newline != std::string_view::npos;
    text.append(head).append(whole ? "F " : "P ").append(rest.substr(0, newline)).append("\n");
    rest.remove_prefix(whole ? newline + 1 : rest.size());
    // The head of a line is longer than most lines: what is kept and written is limited, not what
    // comes in.
    if (text.size() >= kBufferSize || size_ + text.size() >= limit_) {
      flush(text);
    }
  }
  flush(text);
}

void LogFile::flush(std::string& text) noexcept {
  const auto written = write_all(fd_.get(), std::as_bytes(std::span(text)), "the log");
  if (written) {
    size_ += text.size();
  } else if (!std::exchange(broken_, true)) {
    log(LogLevel::kError, "{}: output is missing from it", written.error().context);
  }
  text.clear();
  if (size_ >= limit_) {
    begin_anew();
  }
}

std::optional<LogEntry> parse_log_line(std::string_view line) noexcept {
  LogEntry entry;
  entry.time = take_word(line);
  const std::string_view stream = take_word(line);
  const std::string_view part = take_word(line);
  if ((stream != "stdout" && stream != "stderr") || (part != "F" && part != "P")) {
    return std::nullopt;
  }
  entry.stream = stream == "stdout" ? Stream::kOutput : Stream::kError;
  entry.whole = part == "F";
  entry.text = line;
  return entry;
}

Result<LogReader> LogReader::open(const std::string& path) {
  BOTHY_TRY(UniqueFd fd, open_regular(path));
  auto older = open_regular(older_than(path));
  // A log that was renamed just now is read once.
  const bool has_older = older && !is_same(older.value(), fd);
  return LogReader(path, has_older ? std::move(older).value() : UniqueFd(), std::move(fd));
}

Result<void> LogReader::read(const std::function<void(const LogEntry&)>& take) {
  if (const UniqueFd older = std::exchange(older_, {})) {
    BOTHY_TRY(read_rest(older, take));
  }
  for (;;) {
    BOTHY_TRY(read_rest(fd_, take));
    auto newer = open_regular(path_);
    if (!newer || is_same(newer.value(), fd_)) {
      return success();
    }
    // What was written to the old log before it was renamed.
    BOTHY_TRY(read_rest(fd_, take));
    fd_ = std::move(newer).value();
  }
}

Result<void> LogReader::read_rest(const UniqueFd& fd,
                                  const std::function<void(const LogEntry&)>& take) {
  std::array<char, kBufferSize> piece{};
  for (;;) {
    const ssize_t count = ::read(fd.get(), piece.data(), piece.size());
    if (count < 0) {
      return errno_error("can't read the log");
    }
    if (count == 0) {
      return success();
    }
    rest_.append(piece.data(), static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos;
         end = rest_.find('\n', begin)) {
      if (const auto entry = parse_log_line(std::string_view(rest_).substr(begin, end - begin))) {
        take(*entry);
      }
      begin = end + 1;
    }
    rest_.erase(0, begin);
  }
}

}  // namespace bothy::run
