// Pumps: bytes from one descriptor to another, through a buffer of fixed size.
#pragma once

#include <stddef.h>

#include "guest/init/loop.h"

namespace bothy::init {

struct Pump;

// A descriptor that pumps read, write, or both.
struct Endpoint {
  enum Kind { kSocket, kPipe, kTerminal };
  Watch watch;
  Kind kind = kPipe;
  Pump* out_of = nullptr;  // the pump that reads here
  Pump* into = nullptr;    // the pump that writes here
};

// Nothing is read while the buffer is full, so that writers to `from` block.
struct Pump {
  static constexpr size_t kBuffer = size_t{64} * 1024;

  Endpoint* from = nullptr;
  Endpoint* to = nullptr;
  char* buffer = nullptr;
  size_t start = 0;
  size_t end = 0;
  bool draining = false;  // the process at `from` has ended: an empty `from` is its end
  size_t drain_left = 0;  // maximum bytes to read while draining
  bool ended = false;     // `from` is at its end
  bool done = false;      // ended and all written, or `to` is closed
  void (*on_done)(void* owner) = nullptr;
  void* owner = nullptr;
};

// Initializes the endpoint with `fd`, and takes ownership.
void endpoint_open(Endpoint& endpoint, int fd, Endpoint::Kind kind);

// Joins two endpoints; false when there is no memory. The loop starts the first transfer.
bool pump_open(Pump& pump, Endpoint& from, Endpoint& to);

// Transfers what is possible now, and arms the watches for the rest.
void pump_turn(Pump& pump);

// Ends the pump with the bytes that `from` holds now, even if another process keeps it open and
// goes on writing. on_done is called at once, or when `to` has taken the rest.
void pump_drain(Pump& pump);

// Closes both descriptors and frees the buffer; nothing is called any more.
void pump_close(Pump& pump);
void endpoint_close(Endpoint& endpoint);

}  // namespace bothy::init
