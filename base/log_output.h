// LogOutput: text to stderr that never waits long for its reader.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace bothy {

// The reader of stderr may have stopped: a pipe fills up, a terminal is held by Ctrl-S. Text that
// doesn't fit is lost then and counted, and the count precedes the next text that fits. stderr's
// flags stay as they are, since other processes share its open file description. Any thread.
class LogOutput {
 public:
  // Waits for room up to `limit`, but not again until some text has been written.
  void write(std::string_view text, std::chrono::milliseconds limit) noexcept;

 private:
  std::mutex mutex_;
  std::uint64_t lost_ = 0;
  bool cut_ = false;  // the last text was written in part
};

}  // namespace bothy
