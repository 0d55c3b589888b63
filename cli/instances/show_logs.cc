#include "cli/instances/show_logs.h"

#include <poll.h>
#include <unistd.h>

#include <span>
#include <string>

#include "run/client.h"
#include "run/log_file.h"

namespace bothy {
namespace {

// False when nobody reads it any more.
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

// Waits a moment; false when whoever read our stdout has gone meanwhile.
bool wait_with_reader() {
  constexpr int kStep = 100;  // ms
  pollfd reader{STDOUT_FILENO, 0, 0};
  return ::poll(&reader, 1, kStep) <= 0;
}

}  // namespace

Result<void> show_logs(const run::Instance& instance, bool follow, bool timestamps) {
  BOTHY_TRY(run::LogReader reader, run::LogReader::open(instance.log_path()));
  bool heard = true;
  const auto print = [&](const run::LogEntry& entry) { heard = heard && show(entry, timestamps); };
  for (;;) {
    // Asked before reading: what was printed before the end is then there.
    const auto state = instance.state();
    BOTHY_TRY(reader.read(print));
    const bool over = !state || state.value().status == run::Status::kExited ||
                      state.value().status == run::Status::kLost;
    if (!follow || over || !heard || !wait_with_reader()) {
      return success();
    }
  }
}

}  // namespace bothy
