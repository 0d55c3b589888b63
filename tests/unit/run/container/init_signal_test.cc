#include "run/container/init_signal.h"

#include <csignal>

#include "tests/support/catch.h"

namespace bothy::run {

TEST_CASE("PID 1 loses a signal that it neither catches, ignores nor blocks") {
  // SIGHUP blocked, SIGINT ignored, SIGTERM caught.
  constexpr const char* kStatus =
      "Name:\tinit\nSigQ:\t0/1\nSigPnd:\t0000000000000000\nSigBlk:\t0000000000000001\n"
      "SigIgn:\t0000000000000002\nSigCgt:\t0000000000004000\n";
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    INFO(signal);
    CHECK_FALSE(is_dropped_for_init(kStatus, signal));
  }
  for (const int signal : {SIGQUIT, SIGUSR1, SIGALRM, 34, 64}) {
    INFO(signal);
    CHECK(is_dropped_for_init(kStatus, signal));
  }
}

TEST_CASE("Signals that end no process, and those that reach any, are sent as they are") {
  for (const int signal : {SIGKILL, SIGSTOP, SIGCONT, SIGCHLD, SIGURG, SIGWINCH, SIGTSTP}) {
    INFO(signal);
    CHECK_FALSE(is_dropped_for_init("\nSigCgt:\t0000000000000000\n", signal));
  }
}

TEST_CASE("The sets of a real process are read") {
  std::signal(SIGUSR2, [](int) {});
  CHECK_FALSE(is_dropped_for_init(::getpid(), SIGUSR2));
  std::signal(SIGUSR2, SIG_DFL);
  CHECK(is_dropped_for_init(::getpid(), SIGUSR2));
  CHECK_FALSE(is_dropped_for_init(-1, SIGTERM));  // no such process
}

}  // namespace bothy::run
