// The probes that wait for a process from outside: one that enters the container, or that executes
// a program which isn't the container's (CVE-2019-5736). Programs of the container are in /bin.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

// Whether a process executes a program from outside; 0 also when nothing can be found out about it.
static int is_foreign(int process) {
  char program[300];
  const ssize_t size = readlinkat(process, "exe", program, sizeof(program));
  return size > 0 && strncmp(program, "/bin/", 5) != 0;
}

// Calls `look` with the number and the directory in /proc of each other process but the first,
// until that returns 1 or the file /stop exists. /ready says that it has begun.
static int watch(int (*look)(int number, int process)) {
  close(creat("/ready", 0600));
  while (access("/stop", F_OK) != 0) {
    DIR* processes = opendir("/proc");
    if (processes == NULL) {
      cannot("/proc");
    }
    for (const struct dirent* entry = NULL; (entry = readdir(processes)) != NULL;) {
      const int number = atoi(entry->d_name);
      if (number < 2 || number == getpid()) {
        continue;
      }
      const int process = openat(dirfd(processes), entry->d_name, O_PATH | O_CLOEXEC);
      const int found = process >= 0 && look(number, process);
      close(process);
      if (found) {
        closedir(processes);
        return 1;
      }
    }
    closedir(processes);
  }
  return 0;
}

static int foreign_program = -1;

// The process is stopped meanwhile: it may not last long.
static int open_foreign(int number, int process) {
  kill(number, SIGSTOP);
  if (is_foreign(process)) {
    foreign_program = openat(process, "exe", O_RDONLY | O_CLOEXEC);
  }
  kill(number, SIGCONT);
  return foreign_program >= 0;
}

// Writing to a program from outside. Without one there is nothing to tell.
void probe_executable(char** arguments) {
  (void)arguments;
  if (!watch(&open_foreign)) {
    errno = ENOENT;
    cannot("a program from outside");
  }
  char path[40];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", foreign_program);
  probe_writable((char*[]){path, NULL});
}

// Traces every process of the container, and waits for none: their ends are never reported to
// others.
static int hold(int number, int process) {
  (void)process;
  ptrace(PTRACE_SEIZE, number, 0, 0);
  return 0;
}

void hold_processes(char** arguments) {
  (void)arguments;
  watch(&hold);
}

static int try_to_trace;

static int look_inside(int number, int process) {
  const int memory = openat(process, "mem", O_RDWR | O_CLOEXEC);
  if (memory >= 0 && is_foreign(process)) {
    WEAK("the memory of process %d, which is still from outside, can be read", number);
  }
  close(memory);
  const int descriptors = openat(process, "fd/3", O_PATH | O_CLOEXEC);
  if (descriptors >= 0 && is_foreign(process)) {
    WEAK("the descriptors of process %d, which is still from outside, can be opened", number);
  }
  close(descriptors);
  if (try_to_trace && ptrace(PTRACE_SEIZE, number, 0, 0) == 0) {
    if (is_foreign(process)) {
      WEAK("process %d, which is still from outside, can be traced", number);
    }
    ptrace(PTRACE_INTERRUPT, number, 0, 0);
    waitpid(number, NULL, __WALL);
    ptrace(PTRACE_DETACH, number, 0, 0);
  }
  return 0;
}

// Reading, and with "trace" tracing, a process that enters the container.
void probe_entering(char** arguments) {
  try_to_trace = strcmp(arguments[0], "trace") == 0;
  watch(&look_inside);
}
