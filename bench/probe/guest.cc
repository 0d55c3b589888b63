// PID 1 of virtual machines that have no init of their own for the image.
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

// The console's line discipline would echo what is written to the guest, and translate newlines.
void make_raw() {
  termios settings;
  if (tcgetattr(STDIN_FILENO, &settings) == 0) {
    cfmakeraw(&settings);
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
  }
}

// The kernel opens the console for init, unless its driver isn't ready by then: a virtio console is
// ready once the host has answered.
void open_console() {
  constexpr int kTries = 5000;
  for (int i = 0; fcntl(STDOUT_FILENO, F_GETFD) < 0 && i < kTries; ++i) {
    const int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0) {
      usleep(1000);
      continue;
    }
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; ++standard) {
      if (standard != fd) {
        dup2(fd, standard);
      }
    }
    if (fd > STDERR_FILENO) {
      close(fd);
    }
  }
}

}  // namespace

int guest(int argc, char** argv) {
  if (getpid() != 1) {
    errno = EPERM;
    return fail("guest: not PID 1 of a machine");
  }
  mount("proc", "/proc", "proc", 0, nullptr);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);
  mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
  mount("tmpfs", "/tmp", "tmpfs", 0, nullptr);
  open_console();
  make_raw();
  const pid_t child = fork();
  if (child == 0) {
    // The verb `guest` stands where the program's name does.
    _exit(dispatch(argc - 1, argv + 1));
  }
  int status = kFailure;
  for (pid_t ended = 0; ended != child;) {
    ended = wait(&status);
    if (ended < 0 && errno != EINTR) {
      break;
    }
  }
  say("\nstatus %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  tcdrain(STDOUT_FILENO);
  // Machines without ACPI can't be turned off; their monitors end with a reset.
  reboot(LINUX_REBOOT_CMD_RESTART);
  return kFailure;
}

}  // namespace bothy::probe
