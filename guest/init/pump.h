// Bytes from one descriptor to another, with as much held between as a buffer takes.
#pragma once

#include <stddef.h>

#include "guest/init/loop.h"

namespace bothy::init {

struct Pump;

// A descriptor with bytes to take, to give, or both.
struct Endpoint {
  enum Kind { kSocket, kPipe, kTerminal };
  Watch watch;
  Kind kind = kPipe;
  Pump* out_of = nullptr;  // the pump that reads here
  Pump* into = nullptr;    // the pump that writes here
};

// While nothing can be written nothing is read: who sends to `from` is held up, not stored.
struct Pump {
  static constexpr size_t kBuffer = size_t{64} * 1024;

  Endpoint* from = nullptr;
  Endpoint* to = nullptr;
  char* buffer = nullptr;
  size_t start = 0;
  size_t end = 0;
  bool draining = false;  // whom `from` is of is gone: to find it empty is its end
  size_t drain_left = 0;  // bytes until that is its end anyway
  bool ended = false;     // `from` gives no more
  bool done = false;      // and all of it was passed on, or nobody takes it
  void (*on_done)(void* owner) = nullptr;
  void* owner = nullptr;
};

// Makes the endpoint one of `fd`, which it owns from now on.
void endpoint_open(Endpoint& endpoint, int fd, Endpoint::Kind kind);

// Joins two endpoints; false when there is no memory. The first turn is the loop's.
bool pump_open(Pump& pump, Endpoint& from, Endpoint& to);

// Moves what can be moved now, and waits for the rest.
void pump_turn(Pump& pump);

// What `from` holds is the last of it: somebody else may keep it open, and even go on writing.
// on_done comes at once, or when `to` has taken the rest.
void pump_drain(Pump& pump);

// Closes both sides' descriptors, gives the buffer back; nothing is called any more.
void pump_close(Pump& pump);
void endpoint_close(Endpoint& endpoint);

}  // namespace bothy::init
