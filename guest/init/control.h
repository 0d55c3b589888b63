// The control stream: frames to and from the host.
#pragma once

#include "guest/init/loop.h"
#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// Starts the connection. Without one, frames are dropped.
void control_begin();
// Completes the connection and sends HELLO; false with errno set on an error. `on_frame` is called
// for each frame of the host, `on_gone` at the end of the stream, for whatever reason.
bool control_open(void (*on_frame)(const agent::Frame& frame, Text content), void (*on_gone)());

// Queues a frame and sends what the host takes now. Hangs up when the queue overflows.
void control_send(agent::Type type, uint32_t process, const void* content, size_t size);

// A frame of a number and a message: kNotStarted, kCopied.
void control_send_message(agent::Type type, uint32_t process, int32_t number, Text message);

// Sends kFailed without the loop, and waits a moment for the host to receive it.
void control_fail(Text message);

// After the last frame: waits until the host hangs up or sends SHUTDOWN, at most `timeout_ms` (-1:
// no limit).
void control_await_answer(int timeout_ms);

}  // namespace bothy::init
