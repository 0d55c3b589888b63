// The event loop: descriptors and their handlers.
#pragma once

#include <stdint.h>

namespace bothy::init {

// A descriptor in the loop. Must not move while armed. ready() may be called with events from
// before the last arm().
struct Watch {
  void (*ready)(Watch& watch, uint32_t events) = nullptr;
  void* owner = nullptr;
  int fd = -1;
  uint32_t armed = 0;
};

// To be called once, before the other functions.
void loop_open();

// Waits for `events` (EPOLLIN, EPOLLOUT) on the watch's descriptor, level-triggered. With 0 the
// descriptor is removed from the set: EPOLLHUP would be reported without end.
void arm(Watch& watch, uint32_t events);

// Disarms and closes. Does nothing to a closed watch.
void close_watch(Watch& watch);

// One round: waits at most `timeout_ms` (-1: no limit) and calls the handlers of ready descriptors.
void loop_round(int timeout_ms);

// Milliseconds of CLOCK_BOOTTIME.
int64_t now_ms();

}  // namespace bothy::init
