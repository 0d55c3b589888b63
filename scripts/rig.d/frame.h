// The protocol between the rig's machine and its supervisor on the host: frames over one
// virtio-serial port. One stream keeps the order: all output precedes the status.
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

enum frame_kind {
  frame_stdout = 1,  // to the host: bytes
  frame_stderr = 2,  // to the host: bytes
  frame_status = 3,  // to the host, last: the exit status, an int32_t
  frame_input = 4,   // to the machine: bytes typed
  frame_size = 5,    // to the machine: the terminal's size, a struct winsize
  frame_hello = 6,   // to the machine, first: nothing
  frame_awake = 7,   // to the host, the answer: nothing
  frame_fresh = 8,   // to the machine, then: a struct fresh
  frame_job = 9,     // to the machine, then: the job
};

enum { frame_most = 65536 };

// Little-endian, like both ends.
struct frame {
  uint32_t kind;
  uint32_t length;
};

// The values that a resumed machine must not take from its saved state.
struct fresh {
  int64_t seconds;
  int64_t nanoseconds;
  uint8_t entropy[64];
};

#endif
