// What an instance's first process prints, kept line by line in the format that Kubernetes has for
// container logs (CRI): "TIME stdout|stderr F|P TEXT", P for what has no newline yet. Bytes of
// every value but newline come back as they were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vmm/base/result.h"
#include "vmm/base/unique_fd.h"

namespace bothy::run {

enum class Stream : std::uint8_t { kOutput = 1, kError = 2 };

// The owner's. A disk that is full is said once, on stderr; the instance runs on.
class LogFile {
 public:
  [[nodiscard]] static Result<LogFile> create(const std::string& path);

  void append(Stream stream, std::span<const std::byte> bytes) noexcept;

 private:
  explicit LogFile(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
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

// Reads on from where it was, each whole line that has come since; any process.
class LogReader {
 public:
  [[nodiscard]] static Result<LogReader> open(const std::string& path);

  [[nodiscard]] Result<void> read(const std::function<void(const LogEntry&)>& take);

 private:
  explicit LogReader(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::string rest_;
};

}  // namespace bothy::run
