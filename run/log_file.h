// The log of an instance's first process, in the format of Kubernetes' container logs (CRI): lines
// of "TIME stdout|stderr F|P TEXT", P for a part without a newline. Every byte but newlines is kept
// as it is. A log that has grown to its limit is renamed to "log.1", over the one before, and a new
// one is begun.
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

// For one thread of the owner. A write error is reported once, on stderr; the instance runs on.
class LogFile {
 public:
  static constexpr std::uint64_t kDefaultLimit = 16U << 20U;

  // `limit`: the bytes in the file, heads of lines included, after which a log is renamed; the last
  // line may exceed it.
  [[nodiscard]] static Result<LogFile> create(const std::string& path,
                                              std::uint64_t limit = kDefaultLimit);

  void append(Stream stream, std::span<const std::byte> bytes) noexcept;

 private:
  LogFile(std::string path, UniqueFd fd, std::uint64_t limit) noexcept
      : path_(std::move(path)), fd_(std::move(fd)), limit_(limit) {}
  void flush(std::string& text) noexcept;  // and clears it
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

// Nothing for a line of another form.
[[nodiscard]] std::optional<LogEntry> parse_log_line(std::string_view line) noexcept;

// Reads the lines since the last call, the oldest that is kept first. For any process.
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
  UniqueFd older_;  // log.1, until it has been read
  UniqueFd fd_;
  std::string rest_;
};

}  // namespace bothy::run
