#include "base/terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/unique_fd.h"
#include "tests/support/catch.h"

namespace bothy {
namespace {

// Runs `body` in a child that has the terminal `fd` for its own; returns the wait status.
int in_session_of(int fd, const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setsid();
    ::ioctl(fd, TIOCSCTTY, 0);
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

bool makes_lines(int fd) {
  termios modes{};
  return ::tcgetattr(fd, &modes) == 0 && (modes.c_oflag & OPOST) != 0 &&
         (modes.c_oflag & ONLCR) != 0;
}

bool is_raw(int fd) {
  termios modes{};
  return ::tcgetattr(fd, &modes) == 0 && (modes.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

struct Pty {
  UniqueFd master;
  UniqueFd slave;

  Pty() {
    int master_fd = -1;
    int slave_fd = -1;
    REQUIRE(::openpty(&master_fd, &slave_fd, nullptr, nullptr, nullptr) == 0);
    master.reset(master_fd);
    slave.reset(slave_fd);
  }
};

}  // namespace

TEST_CASE("A terminal is raw while a RawTerminal exists, and as before afterwards") {
  Pty pty;
  const int fd = pty.slave.get();
  const int status = in_session_of(fd, [fd] {
    {
      const auto raw = RawTerminal::enter(fd, RawTerminal::Output::kLines);
      if (!raw || !is_raw(fd)) {
        return 1;
      }
    }
    return is_raw(fd) ? 2 : 0;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("Output that has line ends already is left as it is") {
  Pty pty;
  const int fd = pty.slave.get();
  const int status = in_session_of(fd, [fd] {
    {
      const auto lines = RawTerminal::enter(fd, RawTerminal::Output::kLines);
      if (!makes_lines(fd)) {
        return 1;
      }
    }
    const auto raw = RawTerminal::enter(fd, RawTerminal::Output::kAsIs);
    return makes_lines(fd) || !is_raw(fd) ? 2 : 0;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("A terminal is restored when the process dies of a fault") {
  Pty pty;
  const int fd = pty.slave.get();
  const int status = in_session_of(fd, [fd] {
    const auto raw = RawTerminal::enter(fd, RawTerminal::Output::kLines);
    ::raise(raw ? SIGABRT : SIGKILL);
    return 0;
  });
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK_FALSE(is_raw(fd));
}

TEST_CASE("Only a terminal of this foreground job is changed") {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  CHECK_FALSE(RawTerminal::enter(null.get(), RawTerminal::Output::kLines).has_value());
  Pty pty;  // not our controlling terminal
  CHECK_FALSE(RawTerminal::enter(pty.slave.get(), RawTerminal::Output::kLines).has_value());
}

}  // namespace bothy
