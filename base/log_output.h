// LogOutput: text to stderr that never waits long for its reader.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"

namespace bothy {

// The reader of stderr may have stopped: a pipe fills up, a terminal is held by Ctrl-S. Text that
// doesn't fit is lost then and counted, and the count precedes the next text that fits. stderr's
// flags stay as they are, since other processes share its open file description. Any thread.
class LogOutput {
 public:
  // Waits for room up to `limit`, but not again until some text has been written.
  void write(std::string_view text, std::chrono::milliseconds limit) noexcept;
  // stderr stays the file that it is now: write() looks at it no more.
  void keep_target() noexcept;

 private:
  // How stderr can be written to without blocking.
  enum class Method : std::uint8_t {
    kPlain,     // a file: it doesn't block
    kSocket,    // MSG_DONTWAIT
    kReopened,  // an open file description of its own, which is non-blocking
    kPolled,    // as much at once as poll(2) promises room for; other writers may still take that
    kNone,      // a pipe without a reader
  };
  struct Target {
    Method method = Method::kPlain;
    UniqueFd reopened = UniqueFd();

    [[nodiscard]] int fd() const noexcept;
  };

  [[nodiscard]] static Target open_target() noexcept;
  // Returns how much has been written.
  [[nodiscard]] static std::size_t write_until(const Target& target, std::string_view text,
                                               std::chrono::steady_clock::time_point deadline);

  std::mutex mutex_;
  std::optional<Target> kept_;
  std::uint64_t lost_ = 0;
  bool cut_ = false;  // the last text was written in part
};

}  // namespace bothy
