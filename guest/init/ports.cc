#include "guest/init/ports.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "guest/init/control.h"
#include "guest/init/listening.h"
#include "guest/init/loop.h"

namespace bothy::init {

using namespace agent;

namespace {

constexpr int64_t kPeriodMs = 1000;

// Open from the start: the workload may mount what it likes over /proc.
int tables[2] = {-1, -1};
int64_t next_look = -1;
Ports reported{};

// The kernel lists sockets that listen before all others: more than this much isn't read.
char table[size_t{32} * 1024];

Text read_table(int fd) {
  size_t size = 0;
  ssize_t got = 0;
  while (size < sizeof table &&
         (got = pread(fd, table + size, sizeof table - size, static_cast<off_t>(size))) > 0)
    size += static_cast<size_t>(got);
  return {table, size};
}

}  // namespace

void watch_ports() {
  tables[0] = openat(AT_FDCWD, "/proc/net/tcp", O_RDONLY | O_CLOEXEC);
  tables[1] = openat(AT_FDCWD, "/proc/net/tcp6", O_RDONLY | O_CLOEXEC);
  next_look = now_ms();
}

int until_next_look() {
  if (next_look < 0) return -1;
  const int64_t left = next_look - now_ms();
  return left > 0 ? static_cast<int>(left) : 0;
}

void look_at_ports() {
  if (until_next_look() != 0) return;
  next_look = now_ms() + kPeriodMs;
  Ports now{};
  for (const int fd : tables) {
    if (fd >= 0) add_listening(read_table(fd), now);
  }
  if (same_ports(now, reported)) return;
  reported = now;
  control_send(kPorts, 0, now.port, now.count * sizeof now.port[0]);
}

}  // namespace bothy::init
