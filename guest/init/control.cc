#include "guest/init/control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest/init/host.h"

namespace bothy::init {

using namespace agent;

namespace {

constexpr size_t kOutRoom = size_t{64} * 1024;

Watch control;
bool said_hello = false;
bool answered = false;  // by the answer awaited at the end
void (*frame_handler)(const Frame&, Text) = nullptr;
void (*gone_handler)() = nullptr;

// Bytes queued for the host.
char out[kOutRoom];
size_t out_used = 0;

// The frame being received: the header, then the content in memory of its size.
Frame header;
size_t header_got = 0;
char* content = nullptr;
size_t content_got = 0;

void gone() {
  if (control.fd < 0) return;
  close_watch(control);
  if (gone_handler != nullptr) gone_handler();
}

void flush() {
  size_t sent = 0;
  while (sent < out_used) {
    const ssize_t wrote = write(control.fd, out + sent, out_used - sent);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) break;
    if (wrote <= 0) {
      gone();
      return;
    }
    sent += static_cast<size_t>(wrote);
  }
  memmove(out, out + sent, out_used - sent);
  out_used -= sent;
  arm(control, out_used > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

// Reads a part of the frame; false when no more is available or the host has hung up.
bool receive(void* to, size_t size, size_t& got) {
  const ssize_t more = read(control.fd, static_cast<char*>(to) + got, size - got);
  if (more < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (more <= 0) {
    gone();
    return false;
  }
  got += static_cast<size_t>(more);
  return true;
}

// True when a frame was received and there may be another.
bool receive_frame() {
  if (header_got < sizeof header && !receive(&header, sizeof header, header_got)) return false;
  if (header_got < sizeof header) return true;
  if (header.length > kMaxFrame || header.reserved != 0) {
    say("invalid frame from the host: connection closed");
    gone();
    return false;
  }
  if (content == nullptr) content = static_cast<char*>(malloc(header.length + 1));
  if (content == nullptr) {
    gone();
    return false;
  }
  if (content_got < header.length && !receive(content, header.length, content_got)) return false;
  if (content_got < header.length) return true;
  // Reset before the handler runs, which may close the connection.
  char* whole = content;
  content = nullptr;
  header_got = content_got = 0;
  frame_handler(header, {whole, header.length});
  free(whole);
  return control.fd >= 0;
}

void on_ready(Watch&, uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) return;
  // A few frames at a time, so that streams get their turn.
  for (int i = 0; i < 16 && control.fd >= 0 && receive_frame(); ++i) {
  }
}

}  // namespace

void control_begin() {
  control = {on_ready, nullptr, begin_connect(), 0};
}

bool control_open(void (*on_frame)(const Frame& frame, Text content), void (*on_gone)()) {
  frame_handler = on_frame;
  gone_handler = on_gone;
  if (!finish_control(control.fd)) return false;
  said_hello = true;
  arm(control, EPOLLIN);
  return true;
}

void control_send(Type type, uint32_t process, const void* bytes, size_t size) {
  if (control.fd < 0) return;
  const Frame frame{static_cast<uint32_t>(size), type, 0, process};
  if (size > kOutRoom - sizeof frame || kOutRoom - sizeof frame - size < out_used) {
    gone();
    return;
  }
  memcpy(out + out_used, &frame, sizeof frame);
  if (size > 0) memcpy(out + out_used + sizeof frame, bytes, size);
  out_used += sizeof frame + size;
  flush();
}

void control_send_message(Type type, uint32_t process, int32_t number, Text message) {
  char bytes[sizeof number + 1024];
  const size_t size = message.size < 1024 ? message.size : 1024;
  memcpy(bytes, &number, sizeof number);
  if (size > 0) memcpy(bytes + sizeof number, message.data, size);
  control_send(type, process, bytes, sizeof number + size);
}

void control_fail(Text message) {
  // It may be early for that, but not too early for the host to know why.
  if (!said_hello && (control.fd < 0 || !finish_control(control.fd))) return;
  control_send(kFailed, 0, message.data, message.size);
  control_await_answer(1000);
}

void control_await_answer(int timeout_ms) {
  if (control.fd < 0) return;
  // Frames that crossed with ours are no answer: only SHUTDOWN and the end of the stream are.
  answered = false;
  frame_handler = [](const Frame& frame, Text) { answered = answered || frame.type == kShutdown; };
  gone_handler = nullptr;
  const int64_t end = now_ms() + timeout_ms;
  for (int64_t left = timeout_ms; timeout_ms < 0 || left > 0;
       left = timeout_ms < 0 ? -1 : end - now_ms()) {
    pollfd wait{control.fd, static_cast<short>(out_used > 0 ? POLLIN | POLLOUT : POLLIN), 0};
    if (poll(&wait, 1, static_cast<int>(left)) < 1) continue;
    if ((wait.revents & POLLOUT) != 0) flush();
    if ((wait.revents & ~POLLOUT) != 0) {
      while (!answered && control.fd >= 0 && receive_frame()) {
      }
    }
    if (answered || control.fd < 0) return;
  }
}

}  // namespace bothy::init
