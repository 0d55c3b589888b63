// What this program waits for: descriptors, and who takes care of them.
#pragma once

#include <stdint.h>

namespace bothy::init {

// A descriptor in the loop. It must stay where it is while it is armed; ready() may be called with
// events that were true before the last arm().
struct Watch {
  void (*ready)(Watch& watch, uint32_t events) = nullptr;
  void* owner = nullptr;
  int fd = -1;
  uint32_t armed = 0;
};

// Once, before all else here.
void loop_open();

// Waits for `events` (EPOLLIN, EPOLLOUT) on the watch's descriptor, level-triggered. With 0 it
// isn't looked at at all: a broken peer would be reported without end.
void arm(Watch& watch, uint32_t events);

// Disarms, then closes. Does nothing to a closed one.
void close_watch(Watch& watch);

// One round: waits at most `timeout_ms` (-1: as long as it takes) and calls who is ready.
void loop_round(int timeout_ms);

// Milliseconds of a clock that only goes forward.
int64_t now_ms();

}  // namespace bothy::init
