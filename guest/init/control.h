// The control stream: frames to and from the host.
#pragma once

#include "guest/init/loop.h"
#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// Takes over a connected descriptor; without it all that is sent goes nowhere. `on_frame` gets each
// of the host's frames with its content, `on_gone` the end of the stream, however it came.
void control_open(int fd, void (*on_frame)(const agent::Frame& frame, Text content),
                  void (*on_gone)());

// Queues a frame and sends what the host takes now. A host that lets too much pile up is gone.
void control_send(agent::Type type, uint32_t process, const void* content, size_t size);

// A frame of a number and words: kNotStarted, kCopied.
void control_send_words(agent::Type type, uint32_t process, int32_t number, Text words);

// kFailed, without the loop; waits a moment for the host to have it.
void control_fail(Text words);

bool control_is_open();

// After the last frame: until the host has hung up or spoken, which says that it got it, or
// `timeout_ms` is over.
void control_await_answer(int timeout_ms);

}  // namespace bothy::init
