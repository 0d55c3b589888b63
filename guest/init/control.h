// The control stream: frames to and from the host.
#pragma once

#include "guest/init/loop.h"
#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// Begins to connect. Without it all that is sent goes nowhere.
void control_begin();
// Says HELLO once the connection stands; false, with errno set, when it came to nothing. `on_frame`
// gets each of the host's frames with its content, `on_gone` the end of the stream, however it
// came.
bool control_open(void (*on_frame)(const agent::Frame& frame, Text content), void (*on_gone)());

// Queues a frame and sends what the host takes now. A host that lets too much pile up is gone.
void control_send(agent::Type type, uint32_t process, const void* content, size_t size);

// A frame of a number and a message: kNotStarted, kCopied.
void control_send_words(agent::Type type, uint32_t process, int32_t number, Text words);

// kFailed, without the loop; waits a moment for the host to have it.
void control_fail(Text words);

// After the last frame: until the host has hung up or said SHUTDOWN, or `timeout_ms` is over (-1:
// never).
void control_await_answer(int timeout_ms);

}  // namespace bothy::init
