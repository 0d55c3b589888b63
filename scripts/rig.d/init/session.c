// Runs the job and carries its bytes to the host as they come, from two pipes or from one terminal. The job never gets
// the port itself: that opens once only, and programs like to reopen /dev/stdout.
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

void send_frame(int port, enum frame_kind kind, const void *bytes, size_t length) {
  static char frame[sizeof(struct frame) + frame_most];
  struct frame header = {.kind = kind, .length = (uint32_t)length};
  memcpy(frame, &header, sizeof header);
  memcpy(frame + sizeof header, bytes, length);
  size_t all = sizeof header + length;
  for (size_t done = 0; done < all;) {
    ssize_t put = write(port, frame + done, all - done);
    if (put <= 0) {
      fail("the port to the host: %s", strerror(errno));
    }
    done += (size_t)put;
  }
}

void finish(int port, int status) {
  int32_t value = status;
  send_frame(port, frame_status, &value, sizeof value);
  // The host ends the machine now.
  sleep(10);
  fail("the host has not taken the exit status");
}

// Sends the available output, one frame at most. Zero: none available, or the end.
static size_t carry(int port, enum frame_kind kind, int from) {
  static char bytes[frame_most];
  ssize_t got = read(from, bytes, sizeof bytes);
  if (got <= 0) {
    return 0;
  }
  send_frame(port, kind, bytes, (size_t)got);
  return (size_t)got;
}

// Sends the output that the job had written when it ended, but not later output of its descendants.
static void carry_rest(int port, enum frame_kind kind, int from) {
  int waiting = 0;
  if (from < 0 || ioctl(from, FIONREAD, &waiting) != 0) {
    return;
  }
  fcntl(from, F_SETFL, O_NONBLOCK);
  for (size_t left = (size_t)waiting, got; left > 0 && (got = carry(port, kind, from)) > 0;) {
    left = got < left ? left - got : 0;
  }
}

// One frame from the host: keys for the terminal, or its new size.
static bool take_frame(int port, int terminal) {
  static char bytes[frame_most];
  struct frame header;
  if (!read_all(port, &header, sizeof header) || header.length > sizeof bytes ||
      !read_all(port, bytes, header.length)) {
    return false;
  }
  if (header.kind == frame_size && header.length == sizeof(struct winsize)) {
    ioctl(terminal, TIOCSWINSZ, bytes);
  } else if (header.kind == frame_input && write(terminal, bytes, header.length) < 0) {
    note("the terminal: %s", strerror(errno));
  }
  return true;
}

static _Noreturn void start_job(const struct job *job, int in, int out, int err) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (job->terminal) {
    ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  }
  if (chdir(job->cwd) != 0) {
    fprintf(stderr, "rig: %s: %s\n", job->cwd, strerror(errno));
    _exit(126);
  }
  // The job's PATH, where execvp looks.
  environ = job->env;
  execvp(job->argv[0], job->argv);
  int error = errno;
  fprintf(stderr, "rig: %s: %s\n", job->argv[0], strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

// As a shell reports it.
static int shell_status(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Reaps every ended process, as process 1 must, and returns the job's end if it is among them.
static bool reap(pid_t job, int *status) {
  bool over = false;
  int ended = 0;
  for (pid_t gone; (gone = waitpid(-1, &ended, WNOHANG)) > 0;) {
    if (gone == job) {
      *status = shell_status(ended);
      over = true;
    }
  }
  return over;
}

// The job's three streams and, in the same order, init's ends of its stdout and stderr.
struct streams {
  int job[3];
  int ours[2];
};

static struct streams make_pipes(void) {
  struct streams made;
  made.job[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (int i = 0; i < 2; ++i) {
    int ends[2];
    if (made.job[0] < 0 || pipe2(ends, O_CLOEXEC) != 0) {
      fail("the job's streams: %s", strerror(errno));
    }
    made.ours[i] = ends[0];
    made.job[i + 1] = ends[1];
  }
  return made;
}

static struct streams make_terminal(void) {
  char name[64];
  int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int job = -1;
  if (ours >= 0 && grantpt(ours) == 0 && unlockpt(ours) == 0 && ptsname_r(ours, name, sizeof name) == 0) {
    job = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  if (job < 0) {
    fail("no terminal: %s", strerror(errno));
  }
  return (struct streams){.job = {job, job, job}, .ours = {ours, -1}};
}

int run_session(const struct job *job, int port) {
  struct streams streams = job->terminal ? make_terminal() : make_pipes();
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  int ends = signalfd(-1, &child, SFD_CLOEXEC);
  pid_t pid = fork();
  if (pid < 0 || ends < 0) {
    fail("can't start the job: %s", strerror(errno));
  }
  if (pid == 0) {
    start_job(job, streams.job[0], streams.job[1], streams.job[2]);
  }
  for (int i = 0; i < (job->terminal ? 1 : 3); ++i) {
    close(streams.job[i]);
  }

  enum { from_stdout, from_stderr, from_host, from_child, sources };
  struct pollfd from[sources] = {{.fd = streams.ours[0], .events = POLLIN},
                                 {.fd = streams.ours[1], .events = POLLIN},
                                 {.fd = job->terminal ? port : -1, .events = POLLIN},
                                 {.fd = ends, .events = POLLIN}};
  int status = 0;
  for (bool over = false; !over;) {
    if (poll(from, sources, -1) < 0) {
      continue;
    }
    if (from[from_stdout].revents != 0 && carry(port, frame_stdout, from[from_stdout].fd) == 0) {
      from[from_stdout].fd = -1;
    }
    if (from[from_stderr].revents != 0 && carry(port, frame_stderr, from[from_stderr].fd) == 0) {
      from[from_stderr].fd = -1;
    }
    if (from[from_host].revents != 0 && !take_frame(port, streams.ours[0])) {
      from[from_host].fd = -1;
    }
    if (from[from_child].revents != 0) {
      struct signalfd_siginfo which;
      over = read(ends, &which, sizeof which) == sizeof which && reap(pid, &status);
    }
  }
  carry_rest(port, frame_stdout, from[from_stdout].fd);
  carry_rest(port, frame_stderr, from[from_stderr].fd);
  return status;
}
