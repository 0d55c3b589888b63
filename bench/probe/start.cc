// The workloads of starts, memory and density.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMebibyte = 1U << 20U;
constexpr char kReadyFile[] = "/tmp/bothy-bench-ready";

bool made_ready_file;

void end(int) {
  if (made_ready_file) {
    unlink(kReadyFile);  // a bare process has the host's /tmp
  }
  _exit(0);
}

void answer(int connection) {
  char request[2048];
  size_t length = 0;
  while (length < sizeof request) {
    const ssize_t count = read(connection, request + length, sizeof request - length);
    if (count <= 0) {
      return;
    }
    length += static_cast<size_t>(count);
    if (memmem(request, length, "\r\n\r\n", 4) != nullptr) {
      break;
    }
  }
  static const char kAnswer[] =
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nbothy\n";
  send(connection, kAnswer, sizeof kAnswer - 1, MSG_NOSIGNAL);
  shutdown(connection, SHUT_WR);
  // Closing with unread bytes would reset the connection, and lose the answer.
  while (read(connection, request, sizeof request) > 0) {
  }
}

// A checksum of memory that is written first: never right by luck.
bool do_work() {
  // FNV-1a over memory that is written first: code, data and a system call are needed for it.
  uint8_t block[kPage];
  for (size_t i = 0; i < sizeof block; ++i) {
    block[i] = static_cast<uint8_t>(i * 7);
  }
  uint32_t sum = 2166136261U;
  for (const uint8_t byte : block) {
    sum = (sum ^ byte) * 16777619U;
  }
  return sum == 0xc0944dc5U && getpid() > 0;
}

}  // namespace

// A process that is PID 1 of its namespace gets no signal that it has no handler for.
void end_with_signals() {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGPIPE, SIG_IGN);
}

void say_ready() {
  // For await(), in another process; a read-only file system may have no room for it.
  const int file = open(kReadyFile, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  made_ready_file = file >= 0;
  close(file);
  say("ready\n");  // a detached instance may have nobody who reads it
}

int first() {
  return say("%c", kFirstByte) ? 0 : kFailure;
}

int run_own(char** argv) {
  execv(argv[0], argv);
  dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
  return kFailure;
}

int work() {
  return do_work() && say("worked\n") ? 0 : kFailure;
}

int await() {
  constexpr int kTries = 3000;
  for (int i = 0; access(kReadyFile, F_OK) != 0; ++i) {
    if (i == kTries) {
      return fail("await");
    }
    usleep(10000);
  }
  return work();
}

int idle(const char* mib) {
  end_with_signals();
  const size_t size = static_cast<size_t>(to_count(mib)) * kMebibyte;
  if (size > 0) {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return fail("mmap");
    }
    // No two pages are equal: KSM can't merge what the benchmark counts.
    auto* words = static_cast<uint64_t*>(memory);
    const uint64_t seed = static_cast<uint64_t>(now());
    for (size_t i = 0; i < size / sizeof *words; i += kPage / sizeof *words) {
      words[i] = seed + i;
    }
  }
  say_ready();
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) == 1) {
    if (work() != 0) {
      return kFailure;
    }
  }
  for (;;) {
    pause();
  }
}

int serve(const char* port) {
  return serve_with(port, answer);
}

}  // namespace bothy::probe
