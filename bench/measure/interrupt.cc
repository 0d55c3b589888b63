#include "bench/measure/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>

#include "base/signals.h"

namespace bothy::bench {
namespace {

std::atomic<int> event = -1;

void note_signal(int) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event.load(), &one, sizeof one);
}

}  // namespace

Result<Interrupt> Interrupt::install() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) {
    return errno_error("can't make an event for signals");
  }
  event = fd.get();
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    if (!is_signal_ignored(signal)) {
      ::sigaction(signal, &action, nullptr);
    }
  }
  return Interrupt(std::move(fd));
}

bool Interrupt::requested() const noexcept {
  pollfd wait{fd_.get(), POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

}  // namespace bothy::bench
