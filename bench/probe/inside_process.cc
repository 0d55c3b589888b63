// System calls, processes, switches between them.
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

int64_t system_call(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    // getppid does next to nothing, and no C library answers it from memory.
    syscall(SYS_getppid);
  }
  return now() - start;
}

int64_t clock_read(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
  }
  return now() - start;
}

int64_t fork_exec(int64_t count) {
  const int64_t start = now();
  for (int64_t i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child < 0) {
      return -1;
    }
    if (child == 0) {
      execl("/proc/self/exe", "probe", "exit", static_cast<char*>(nullptr));
      _exit(kFailure);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) {
      errno = ECHILD;
      return -1;
    }
  }
  return now() - start;
}

// The processor that this process is on: both ends of a pipe on one, so that each message is a
// switch.
void stay_on_one_processor() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &set);
  sched_setaffinity(0, sizeof set, &set);
}

// Bytes there and back between this process and its child. An operation is one switch.
int64_t context_switch(int64_t count) {
  int there[2];
  int back[2];
  if (pipe(there) != 0 || pipe(back) != 0) {
    return -1;
  }
  cpu_set_t before;
  CPU_ZERO(&before);
  sched_getaffinity(0, sizeof before, &before);
  stay_on_one_processor();
  const pid_t child = fork();
  if (child < 0) {
    return -1;
  }
  char byte = 0;
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
    }
    _exit(0);
  }
  bool good = true;
  const int64_t start = now();
  for (int64_t i = 0; i < count; i += 2) {
    good = good && write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;
  }
  const int64_t taken = now() - start;
  const int ends[] = {there[0], there[1], back[0], back[1]};
  for (const int fd : ends) {
    close(fd);
  }
  waitpid(child, nullptr, 0);
  sched_setaffinity(0, sizeof before, &before);
  return good ? taken : -1;
}

// Operations are bytes.
int64_t pipe_throughput(int64_t count) {
  static char buffer[65536];
  int ends[2];
  if (pipe(ends) != 0) {
    return -1;
  }
  const pid_t child = fork();
  if (child < 0) {
    return -1;
  }
  if (child == 0) {
    close(ends[1]);
    while (read(ends[0], buffer, sizeof buffer) > 0) {
    }
    _exit(0);
  }
  close(ends[0]);
  const int64_t start = now();
  bool good = true;
  for (int64_t left = count; left > 0 && good;) {
    const size_t size =
        left < static_cast<int64_t>(sizeof buffer) ? static_cast<size_t>(left) : sizeof buffer;
    const ssize_t written = write(ends[1], buffer, size);
    good = written > 0;
    left -= written;
  }
  close(ends[1]);
  // All of it has been read when the reader has ended.
  good = waitpid(child, nullptr, 0) == child && good;
  return good ? now() - start : -1;
}

// Additions and multiplications that depend on each other: the processor alone. An operation is
// one step.
int64_t compute(int64_t count) {
  const int64_t start = now();
  uint64_t state = static_cast<uint64_t>(start) | 1U;
  for (int64_t i = 0; i < count; ++i) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  }
  volatile uint64_t kept = state;
  static_cast<void>(kept);
  return now() - start;
}

}  // namespace

extern const Measure kProcessMeasures[] = {
    {"syscall", system_call, 1000}, {"clock", clock_read, 1000},      {"fork-exec", fork_exec, 1},
    {"switch", context_switch, 2},  {"pipe", pipe_throughput, 65536}, {"compute", compute, 1000},
    {nullptr, nullptr, 0}};

}  // namespace bothy::probe
