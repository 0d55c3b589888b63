#include "cli/instances/show_logs.h"

#include <poll.h>
#include <unistd.h>

#include <span>
#include <string>

#include "run/conversation.h"
#include "run/log_file.h"

namespace bothy {
namespace {

// False when the output is broken.
bool show(const run::LogEntry& entry, bool timestamps) {
  std::string text;
  if (timestamps) {
    text += std::string(entry.time) + " ";
  }
  text += entry.text;
  text += entry.whole ? "\n" : "";
  const int fd = entry.stream == run::Stream::kError ? STDERR_FILENO : STDOUT_FILENO;
  return run::write_out(fd, std::as_bytes(std::span(text)));
}

// Waits a moment; false when the reader of stdout has closed it.
bool wait_with_reader() {
  constexpr int kStep = 100;  // ms
  pollfd reader{STDOUT_FILENO, 0, 0};
  return ::poll(&reader, 1, kStep) <= 0;
}

}  // namespace

Result<void> show_logs(const run::Instance& instance, bool follow, bool timestamps) {
  BOTHY_TRY(run::LogReader reader, run::LogReader::open(instance.log_path()));
  bool written = true;
  const auto print = [&](const run::LogEntry& entry) {
    written = written && show(entry, timestamps);
  };
  for (;;) {
    // Before reading: all output from before the end is then in the log.
    const auto state = instance.state();
    BOTHY_TRY(reader.read(print));
    const bool over = !state || state.value().status == run::Status::kExited ||
                      state.value().status == run::Status::kLost;
    if (!follow || over || !written || !wait_with_reader()) {
      return success();
    }
  }
}

}  // namespace bothy
