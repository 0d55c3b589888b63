#include "guest/init/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/init/control.h"
#include "guest/init/copies.h"
#include "guest/init/forwards.h"
#include "guest/init/ports.h"
#include "guest/init/power.h"
#include "guest/init/processes.h"
#include "guest/init/root.h"
#include "guest/init/statistics.h"

namespace bothy::init {

using namespace agent;

namespace {

// The signal that the power button sends to init in kernels built for it, as for systemd.
constexpr int kPowerButton = 38;
constexpr int kKilledMs =
    2000;  // for killed processes to end; those that hang in the kernel never do
constexpr int kAnswerMs = 1000;

Watch signals;
int64_t grace_ms = 0;
int64_t deadline = -1;  // of the current step of the shutdown
enum { kServing, kTerminating, kKilling } stage = kServing;

void terminate() {
  if (stage != kServing) return;
  stage = kTerminating;
  deadline = now_ms() + grace_ms;
  kill(-1, SIGTERM);
  kill(-1, SIGCONT);  // stopped processes can't handle SIGTERM
}

void on_signal(Watch& watch, uint32_t) {
  signalfd_siginfo info;
  // One at a time: the loop is level-triggered.
  if (read(watch.fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info) &&
      info.ssi_signo == kPowerButton)
    terminate();
  reap();
}

void set_clock(Text content) {
  int64_t time[2];
  if (!take_value(content, time)) return;
  const timespec now{time[0], static_cast<long>(time[1])};
  if (clock_settime(CLOCK_REALTIME, &now) != 0) say("can't set the clock");
}

void on_frame(const Frame& frame, Text content) {
  int32_t signal = 0;
  uint16_t size[2];
  switch (frame.type) {
    case kStart:
      return start_further(frame.process, content);
    case kSignal:
      if (take_value(content, signal)) signal_process(frame.process, signal);
      return;
    case kResize:
      if (take_value(content, size)) resize_process(frame.process, size[0], size[1]);
      return;
    case kCopyIn:
    case kCopyOut:
      return start_copy(static_cast<Type>(frame.type), frame.process, content);
    case kLook:
      return look(frame.process, content);
    case kConnect:
      return start_forward(frame.process, content);
    case kShutdown:
      return terminate();
    case kSetClock:
      return set_clock(content);
    case kAskStatistics: {
      const Statistics now = statistics();
      return control_send(kStatistics, 0, &now, sizeof now);
    }
    default:
      say("ignored a frame of an unknown type from the host");
  }
}

void kill_rest() {
  // Fails when there are no other processes, the usual case.
  if (kill(-1, SIGKILL) != 0) return;
  const int64_t end = now_ms() + kKilledMs;
  for (int64_t left = kKilledMs; left > 0; left = end - now_ms()) {
    const pid_t pid = waitpid(-1, nullptr, WNOHANG);
    if (pid < 0) return;
    if (pid > 0) continue;
    pollfd wait{signals.fd, POLLIN, 0};
    signalfd_siginfo info;
    if (poll(&wait, 1, static_cast<int>(left)) == 1 && read(signals.fd, &info, sizeof info) < 0)
      return;
  }
}

[[noreturn]] void finish() {
  kill_rest();
  settle_disks();
  // Bytes under way are lost with the machine: wait for a host that still reads.
  control_await_answer(first_is_over() ? -1 : kAnswerMs);
  power_off();
}

// True when the guest is to power off.
bool advance_shutdown() {
  if (first_is_over()) return true;
  if (stage == kServing || now_ms() < deadline) return false;
  if (stage == kKilling) return true;
  stage = kKilling;
  deadline = now_ms() + kKilledMs;
  kill(-1, SIGKILL);
  return false;
}

int time_left() {
  if (stage == kServing) return until_next_look();
  const int64_t left = deadline - now_ms();
  return left > 0 ? static_cast<int>(left) : 0;
}

}  // namespace

void serve_open(const Config& config) {
  grace_ms = config.shutdown_grace_ms;
  loop_open();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, kPowerButton);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals = {on_signal, nullptr, signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), 0};
  if (signals.fd < 0) fail("can't create a signalfd", errno);
  arm(signals, EPOLLIN);
}

void serve_host() {
  if (!control_open(on_frame, terminate)) fail("can't connect to the host", errno);
}

void serve() {
  while (!advance_shutdown()) {
    loop_round(time_left());
    look_at_ports();
    release_ended();
  }
  finish();
}

}  // namespace bothy::init
