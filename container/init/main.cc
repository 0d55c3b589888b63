// PID 1 of a container that was started with an init: it passes on signals to the command, and
// reaps orphans. It takes the place of the process that has forked the command.
//
//   init PID    PID is the command, a child of this process
//
// Ends when the command does, with its status, 128 and a signal's number as of a shell. Signals are
// blocked when it begins, so that none is lost.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int kSignalBase = 128;

// Reaps all that have ended. The status of the command once it has; -1 until then.
int reap(pid_t command) {
  int result = -1;
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == command) {
      result = WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const pid_t command = argc == 2 ? atoi(argv[1]) : -1;
  if (command <= 0) {
    return 1;
  }
  // Not ignored, so that children that end are announced.
  signal(SIGCHLD, SIG_DFL);
  sigset_t all;
  sigfillset(&all);
  for (;;) {
    if (const int status = reap(command); status >= 0) {
      return status;
    }
    const int number = sigwaitinfo(&all, nullptr);
    if (number > 0 && number != SIGCHLD) {
      kill(command, number);
    }
  }
}
