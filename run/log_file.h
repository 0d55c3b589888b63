// What an instance's first process prints, kept line by line in the format that Kubernetes has for
// container logs (CRI): "TIME stdout|stderr F|P TEXT", P for what has no newline yet. Bytes of
// every value but newline come back as they were. A log that has become long is renamed to "log.1",
// over the one before, and a new one begun.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::run {

enum class Stream : std::uint8_t { kOutput = 1, kError = 2 };

// The owner's. A disk that is full is said once, on stderr; the instance runs on.
class LogFile {
 public:
  static constexpr std::uint64_t kLimit = 16U << 20U;

  // `limit` in bytes: how long a log is before it is renamed.
  [[nodiscard]] static Result<LogFile> create(const std::string& path,
                                              std::uint64_t limit = kLimit);

  void append(Stream stream, std::span<const std::byte> bytes) noexcept;

 private:
  LogFile(std::string path, UniqueFd fd, std::uint64_t limit) noexcept
      : path_(std::move(path)), fd_(std::move(fd)), limit_(limit) {}
  void begin_anew() noexcept;

  std::string path_;
  UniqueFd fd_;
  std::uint64_t limit_;
  std::uint64_t size_ = 0;
  bool broken_ = false;
};

struct LogEntry {
  std::string_view time;  // RFC 3339
  Stream stream = Stream::kOutput;
  bool whole = true;  // a newline follows
  std::string_view text;
};

// Nothing for a line that is none.
[[nodiscard]] std::optional<LogEntry> parse_log_line(std::string_view line) noexcept;

// Reads on from where it was, each whole line that has come since; any process. Begins with the
// oldest that is kept.
class LogReader {
 public:
  [[nodiscard]] static Result<LogReader> open(const std::string& path);

  [[nodiscard]] Result<void> read(const std::function<void(const LogEntry&)>& take);

 private:
  LogReader(std::string path, UniqueFd older, UniqueFd fd) noexcept
      : path_(std::move(path)), older_(std::move(older)), fd_(std::move(fd)) {}
  [[nodiscard]] Result<void> read_rest(const UniqueFd& fd,
                                       const std::function<void(const LogEntry&)>& take);

  std::string path_;
  UniqueFd older_;  // to be read before the other; empty once it has been
  UniqueFd fd_;
  std::string rest_;
};

}  // namespace bothy::run
