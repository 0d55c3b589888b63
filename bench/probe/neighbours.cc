// Neighbours: hogs, and the victim whose requests they delay.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kBlock = 65536;
constexpr size_t kMebibyte = 1U << 20U;

volatile uint64_t kept;

void compute(int64_t steps) {
  uint64_t state = static_cast<uint64_t>(steps) | 1U;
  for (int64_t i = 0; i < steps; ++i) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  }
  kept = state;
}

// A new file below /tmp that has no name; -1 with errno set.
int unnamed_file() {
  char path[64];
  snprintf(path, sizeof path, "/tmp/bothy-bench-%d", getpid());
  const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file >= 0) {
    unlink(path);
  }
  return file;
}

int hog_cpu(size_t /*size*/) {
  for (;;) {
    compute(1 << 20);
  }
}

int hog_memory(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return fail("mmap");
  }
  for (int round = 0;; ++round) {
    memset(memory, round, size);
    // Every other round faults all of it in again.
    if (round % 2 == 1) {
      madvise(memory, size, MADV_DONTNEED);
    }
  }
}

// Children that end at once: many, but never more than these at a time.
int hog_forks(size_t /*size*/) {
  constexpr int kChildren = 32;
  for (int running = 0;;) {
    const pid_t child = running < kChildren ? fork() : -1;
    if (child == 0) {
      _exit(0);
    }
    if (child > 0) {
      ++running;
    } else if (wait(nullptr) > 0) {
      --running;
    } else {
      usleep(1000);  // not even one more process is allowed
    }
  }
}

int hog_io(size_t size) {
  static char block[kBlock];
  const int file = unnamed_file();
  if (file < 0) {
    return fail("open");
  }
  for (;;) {
    for (size_t at = 0; at < size; at += kBlock) {
      if (pwrite(file, block, kBlock, static_cast<off_t>(at)) < 0 && errno != ENOSPC) {
        return fail("write");
      }
    }
    fsync(file);
  }
}

// As many as it gets, up to a limit that leaves the host's own processes some.
int hog_descriptors(size_t /*size*/) {
  constexpr rlim_t kMost = 65536;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max < kMost ? limit.rlim_max : kMost;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (;;) {
    int last = -1;
    for (int fd = 0; (fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC)) >= 0;) {
      last = fd;
    }
    for (int fd = STDERR_FILENO + 1; fd <= last; ++fd) {
      close(fd);
    }
  }
}

struct Hog {
  const char* name;
  int (*run)(size_t size);
};
constexpr Hog kHogs[] = {{"cpu", hog_cpu},
                         {"memory", hog_memory},
                         {"forks", hog_forks},
                         {"io", hog_io},
                         {"descriptors", hog_descriptors}};

// A little of everything that a hog may take: the processor, fresh memory, a file, a descriptor, a
// process.
bool serve_request(int file) {
  static char block[kPage];
  constexpr size_t kFresh = 16 * kPage;
  constexpr int64_t kSteps = 20000;
  compute(kSteps);
  void* memory = mmap(nullptr, kFresh, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return false;
  }
  for (size_t at = 0; at < kFresh; at += kPage) {
    static_cast<volatile char*>(memory)[at] = 1;
  }
  munmap(memory, kFresh);
  const int opened = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (opened < 0 || close(opened) != 0 || pwrite(file, block, kPage, 0) < 0) {
    return false;
  }
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  return child > 0 && waitpid(child, nullptr, 0) == child;
}

}  // namespace

int hog(const char* name, const char* mib) {
  const size_t size = static_cast<size_t>(to_count(mib)) * kMebibyte;
  for (const Hog& each : kHogs) {
    if (strcmp(each.name, name) == 0) {
      end_with_signals();
      say_ready();
      return each.run(size);
    }
  }
  errno = EINVAL;
  return fail(name);
}

int victim(const char* requests, const char* period_us) {
  const long count = to_count(requests);
  const int64_t period = to_count(period_us) * 1000;
  auto* latencies = static_cast<int64_t*>(calloc(static_cast<size_t>(count), sizeof(int64_t)));
  const int file = unnamed_file();
  if (latencies == nullptr || file < 0 || !serve_request(file)) {
    return fail("victim");
  }
  int64_t due = now() + period;
  for (long i = 0; i < count; ++i) {
    const int64_t early = due - now();
    if (early > 0) {
      usleep(static_cast<useconds_t>(early / 1000 + 1));
    }
    if (!serve_request(file)) {
      return fail("request");
    }
    const int64_t end = now();
    latencies[i] = end - due;
    // What is late doesn't make the next one late: a delay counts once.
    due = due + period > end ? due + period : end;
  }
  for (long i = 0; i < count; ++i) {
    if (!say("request %lld\n", static_cast<long long>(latencies[i]))) {
      return kFailure;
    }
  }
  return say("end\n") ? 0 : kFailure;
}

}  // namespace bothy::probe
