// Runs the rig's QEMU on the host: passes on the output that the machine's init sends, enforces the timeout, ends the machine
// on the job's status, a signal or the timeout, and removes the working directory. It is one process, so that any end of it
// leaves nothing behind.
//
//   supervise DIRECTORY SECONDS TERMINAL QEMU [ARGUMENT]...
//   supervise --tsc QEMU [ARGUMENT]...    executes QEMU with its arguments filled in
//
// QEMU's arguments may contain @PORT@ (the file descriptor of the port's chardev) and @TSC@ (the frequency of the time-stamp
// counter in kHz).
#define _GNU_SOURCE
#include "frame.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { status_timeout = 124, status_broken = 125, last_lines = 20 };

static const char *directory;
static pid_t machine = -1;
static bool raw_terminal;
static struct termios terminal_before;

static void end_machine(void) {
  if (machine > 0) {
    kill(machine, SIGKILL);
    while (waitpid(machine, NULL, 0) < 0 && errno == EINTR) {
    }
    machine = -1;
  }
}

static void remove_directory(void) {
  DIR *entries = opendir(directory);
  for (struct dirent *entry; entries && (entry = readdir(entries));) {
    unlinkat(dirfd(entries), entry->d_name, 0);
  }
  if (entries) {
    closedir(entries);
  }
  rmdir(directory);
}

static void clean_up(void) {
  end_machine();
  if (raw_terminal) {
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal_before);
  }
  remove_directory();
}

static _Noreturn void leave(int status) {
  clean_up();
  exit(status);
}

// Dies of the signal itself, so that the caller sees it in the wait status.
static _Noreturn void die_of(int signal_number) {
  clean_up();
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal_number);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  _exit(128 + signal_number);
}

// Prints the last lines of a file in the working directory on stderr, each with a prefix that tells it from the job's output.
static void show_end(const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "re");
  if (!file) {
    return;
  }
  static char text[8192];
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  fseek(file, size > (long)sizeof text ? size - (long)sizeof text : 0, SEEK_SET);
  size_t length = fread(text, 1, sizeof text, file);
  fclose(file);
  size_t start = length;
  for (int lines = 0; start > 0 && (text[start - 1] != '\n' || start == length || ++lines < last_lines); --start) {
  }
  bool fresh = true;
  for (; start < length; ++start) {
    if (text[start] != '\r' && text[start] != '\0') {
      fprintf(stderr, "%s%c", fresh ? "rig| " : "", text[start]);
      fresh = text[start] == '\n';
    }
  }
  if (!fresh) {
    fputc('\n', stderr);
  }
}

static _Noreturn void give_up(int status, const char *why) {
  end_machine();
  fprintf(stderr, "rig: %s\n", why);
  show_end("complaints");
  fprintf(stderr, "rig: the console ended with:\n");
  show_end("console");
  leave(status);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// TCG's guest reads the host's counter. With its frequency on the command line the guest doesn't measure it against an
// emulated timer, which takes long and fails on a busy host. Zero: the kernel measures.
static unsigned long counter_khz(void) {
#ifdef __x86_64__
  double start = seconds();
  unsigned long long first = __builtin_ia32_rdtsc();
  usleep(20000);
  double end = seconds();
  return (unsigned long)((double)(__builtin_ia32_rdtsc() - first) / (end - start) / 1000);
#else
  return 0;
#endif
}

static char *replace(char *text, const char *mark, unsigned long number) {
  char *at = strstr(text, mark);
  char *made = NULL;
  if (!at) {
    return text;
  }
  if (asprintf(&made, "%.*s%lu%s", (int)(at - text), text, number, at + strlen(mark)) < 0) {
    abort();
  }
  return made;
}

static void fill_in(char **command, int port) {
  unsigned long khz = counter_khz();
  for (char **word = command; *word; ++word) {
    *word = replace(replace(*word, "@PORT@", (unsigned long)port), "@TSC@", khz);
  }
}

static void start_machine(char **command, int port) {
  fill_in(command, port);
  pid_t parent = getpid();
  machine = fork();
  if (machine != 0) {
    return;
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  // A process group of its own, so that a terminal's Ctrl-C reaches only the supervisor; and a death signal.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(1);
  }
  char path[4096];
  snprintf(path, sizeof path, "%s/complaints", directory);
  int complaints = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(complaints, STDERR_FILENO);
  fcntl(port, F_SETFD, 0);
  execvp(command[0], command);
  fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
  _exit(1);
}

static bool read_all(int fd, void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t got = read(fd, (char *)bytes + done, length - done);
    if (got <= 0 && errno != EINTR) {
      return false;
    }
    done += got > 0 ? (size_t)got : 0;
  }
  return true;
}

static void write_all(int fd, const char *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t put = write(fd, bytes + done, length - done);
    if (put < 0 && errno == EPIPE) {
      die_of(SIGPIPE);
    }
    if (put < 0 && errno == EAGAIN) {
      // Another process with the caller's stdout has made it non-blocking.
      struct pollfd writable = {.fd = fd, .events = POLLOUT};
      poll(&writable, 1, -1);
    } else if (put < 0 && errno != EINTR) {
      fprintf(stderr, "rig: can't write the command's output: %s\n", strerror(errno));
      leave(status_broken);
    }
    done += put > 0 ? (size_t)put : 0;
  }
}

static void send_frame(int port, enum frame_kind kind, const void *bytes, size_t length) {
  struct frame header = {.kind = kind, .length = (uint32_t)length};
  // The next read from the port notices that the machine has ended.
  if (send(port, &header, sizeof header, 0) == sizeof header && length > 0) {
    for (size_t done = 0; done < length;) {
      ssize_t put = send(port, (const char *)bytes + done, length - done, 0);
      if (put <= 0) {
        return;
      }
      done += (size_t)put;
    }
  }
}

static void send_fresh(int port) {
  struct fresh fresh = {0};
  if (getrandom(fresh.entropy, sizeof fresh.entropy, 0) != sizeof fresh.entropy) {
    give_up(status_broken, "the host has no entropy to give");
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  fresh.seconds = now.tv_sec;
  fresh.nanoseconds = now.tv_nsec;
  send_frame(port, frame_fresh, &fresh, sizeof fresh);
}

static void send_job(int port) {
  char path[4096];
  snprintf(path, sizeof path, "%s/job", directory);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat file;
  char *text = fd >= 0 && fstat(fd, &file) == 0 ? malloc((size_t)file.st_size + 1) : NULL;
  if (!text || !read_all(fd, text, (size_t)file.st_size)) {
    give_up(status_broken, "the job can't be read");
  }
  close(fd);
  send_frame(port, frame_job, text, (size_t)file.st_size);
  free(text);
}

static void send_size(int port) {
  struct winsize size;
  if (raw_terminal && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
    send_frame(port, frame_size, &size, sizeof size);
  }
}

// One frame from the machine. False at the port's end.
static bool take_frame(int port) {
  static char bytes[frame_most];
  struct frame header;
  if (!read_all(port, &header, sizeof header)) {
    return false;
  }
  if (header.length > sizeof bytes || !read_all(port, bytes, header.length)) {
    give_up(status_broken, "the machine sent what is no frame");
  }
  int32_t status = 0;
  switch (header.kind) {
  case frame_stdout:
    write_all(STDOUT_FILENO, bytes, header.length);
    break;
  case frame_stderr:
    write_all(STDERR_FILENO, bytes, header.length);
    break;
  case frame_awake:
    send_fresh(port);
    send_job(port);
    send_size(port);
    break;
  case frame_status:
    memcpy(&status, bytes, sizeof status);
    leave(status);
  default:
    give_up(status_broken, "the machine sent what is no frame");
  }
  return true;
}

static void use_terminal(void) {
  if (tcgetattr(STDIN_FILENO, &terminal_before) == 0) {
    struct termios raw = terminal_before;
    cfmakeraw(&raw);
    raw_terminal = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
  }
}

int main(int count, char **arguments) {
  if (count > 2 && strcmp(arguments[1], "--tsc") == 0) {
    fill_in(arguments + 2, -1);
    execvp(arguments[2], arguments + 2);
    return status_broken;
  }
  if (count < 5) {
    fprintf(stderr, "usage: supervise DIRECTORY SECONDS TERMINAL QEMU [ARGUMENT]...\n");
    return status_broken;
  }
  directory = arguments[1];
  long limit = atol(arguments[2]);
  bool terminal = *arguments[3] != '\0';
  double deadline = seconds() + (double)limit;

  sigset_t watched;
  sigemptyset(&watched);
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i) {
    sigaddset(&watched, signals[i]);
  }
  sigprocmask(SIG_BLOCK, &watched, NULL);
  // The write's error reports the same, where there is time to clean up.
  signal(SIGPIPE, SIG_IGN);
  int signal_fd = signalfd(-1, &watched, SFD_CLOEXEC);
  int ends[2];
  if (signal_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fprintf(stderr, "rig: %s\n", strerror(errno));
    leave(status_broken);
  }
  start_machine(arguments + 4, ends[1]);
  close(ends[1]);
  int port = ends[0];
  // The machine accepts this when it is ready, whether just started or resumed.
  send_frame(port, frame_hello, NULL, 0);
  if (terminal) {
    use_terminal();
  }

  struct pollfd from[3] = {{.fd = port, .events = POLLIN},
                           {.fd = signal_fd, .events = POLLIN},
                           {.fd = terminal ? STDIN_FILENO : -1, .events = POLLIN}};
  for (;;) {
    double left = deadline - seconds();
    if (limit > 0 && left <= 0) {
      char why[64];
      snprintf(why, sizeof why, "killed: not done after %ld s", limit);
      give_up(status_timeout, why);
    }
    poll(from, 3, limit > 0 ? (int)(left < 1000 ? left * 1000 + 1 : 1000000) : -1);
    struct signalfd_siginfo signalled;
    if (from[1].revents != 0 && read(signal_fd, &signalled, sizeof signalled) == sizeof signalled) {
      if (signalled.ssi_signo != SIGWINCH) {
        die_of((int)signalled.ssi_signo);
      }
      send_size(port);
    }
    if (from[0].revents != 0 && !take_frame(port)) {
      give_up(status_broken, "the machine died before the command ended");
    }
    char typed[4096];
    ssize_t got = from[2].revents != 0 ? read(STDIN_FILENO, typed, sizeof typed) : 0;
    if (got > 0) {
      send_frame(port, frame_input, typed, (size_t)got);
    } else if (from[2].revents != 0) {
      from[2].fd = -1;
    }
  }
}
