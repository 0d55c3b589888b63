#include "guest/init/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "guest/init/power.h"

namespace bothy::init {
namespace {
int poll_fd = -1;
}

void loop_open() {
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (poll_fd < 0) fail("can't create an epoll descriptor", errno);
}

void arm(Watch& watch, uint32_t events) {
  if (watch.fd < 0 || events == watch.armed) return;
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watch;
  const int change = watch.armed == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  if (epoll_ctl(poll_fd, change, watch.fd, &event) != 0) fail("can't watch a descriptor", errno);
  watch.armed = events;
}

void close_watch(Watch& watch) {
  if (watch.fd < 0) return;
  arm(watch, 0);
  close(watch.fd);
  watch.fd = -1;
}

// A handler may close a watch whose events come later in the same round: its `armed` is then 0.
// Watches are freed between rounds only.
void loop_round(int timeout_ms) {
  constexpr int kMaxEvents = 16;
  epoll_event events[kMaxEvents];
  const int count = epoll_wait(poll_fd, events, kMaxEvents, timeout_ms);
  for (int i = 0; i < count; ++i) {
    Watch& watch = *static_cast<Watch*>(events[i].data.ptr);
    if (watch.armed != 0) watch.ready(watch, events[i].events);
  }
}

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

}  // namespace bothy::init
