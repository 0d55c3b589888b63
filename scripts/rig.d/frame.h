// What the rig's machine and its supervisor on the host say to each other: frames over one
// virtio-serial port. One stream keeps the order, so whoever has read the status has read all
// output before it.
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
  frame_job = 9,     // to the machine, then: what to do
};

enum { frame_most = 65536 };

// Both ends are little-endian, and so is this.
struct frame {
  uint32_t kind;
  uint32_t length;
};

// What a machine whose state was kept must not take from there.
struct fresh {
  int64_t seconds;
  int64_t nanoseconds;
  uint8_t entropy[64];
};

#endif
