#include "guest/init/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bothy::init {
namespace {

// How often a pump may fill its buffer before others have their turn.
constexpr int kTurns = 8;
// The most that a pipe holds by default limits (/proc/sys/fs/pipe-max-size).
constexpr size_t kMaxHeld = size_t{1024} * 1024;

void rearm(Endpoint& endpoint) {
  uint32_t events = 0;
  const Pump* reader = endpoint.out_of;
  const Pump* writer = endpoint.into;
  if (reader != nullptr && !reader->ended && reader->start == reader->end) events |= EPOLLIN;
  if (writer != nullptr && !writer->done && writer->start < writer->end) events |= EPOLLOUT;
  arm(endpoint.watch, events);
}

void on_ready(Watch& watch, uint32_t) {
  auto& endpoint = *static_cast<Endpoint*>(watch.owner);
  if (endpoint.into != nullptr && !endpoint.into->done) pump_turn(*endpoint.into);
  if (endpoint.out_of != nullptr && !endpoint.out_of->done) pump_turn(*endpoint.out_of);
}

// Nothing more will be read: who still writes learns of it, by SIGPIPE at a pipe, by SIGHUP at a
// terminal.
void close_reading(Endpoint& from) {
  if (from.kind == Endpoint::kSocket && from.watch.fd >= 0) shutdown(from.watch.fd, SHUT_RD);
  if (from.kind != Endpoint::kSocket) close_watch(from.watch);
}

// End of file for who reads there. A terminal has none: it lives as long as its process.
void close_writing(Endpoint& to) {
  if (to.kind == Endpoint::kSocket && to.watch.fd >= 0) shutdown(to.watch.fd, SHUT_WR);
  if (to.kind == Endpoint::kPipe) close_watch(to.watch);
}

// True when there is something to write now.
bool fill(Pump& pump) {
  const ssize_t got = read(pump.from->watch.fd, pump.buffer, Pump::kBuffer);
  pump.start = 0;
  pump.end = got > 0 ? static_cast<size_t>(got) : 0;
  if (got > 0) {
    if (pump.draining) pump.drain_left -= pump.end < pump.drain_left ? pump.end : pump.drain_left;
    if (pump.draining && pump.drain_left == 0) pump.ended = true;
    return true;
  }
  if (got < 0 && errno == EINTR) return false;
  // A terminal's last writer leaves EIO behind; a reset stream is as gone as an ended one.
  if (got == 0 || errno != EAGAIN || pump.draining) pump.ended = true;
  return false;
}

// True when all was written.
bool empty(Pump& pump) {
  while (pump.start < pump.end) {
    const ssize_t wrote = write(pump.to->watch.fd, pump.buffer + pump.start, pump.end - pump.start);
    if (wrote > 0) {
      pump.start += static_cast<size_t>(wrote);
    } else if (wrote < 0 && errno == EAGAIN) {
      return false;
    } else if (wrote == 0 || errno != EINTR) {
      pump.start = pump.end = 0;
      pump.ended = true;  // nobody takes it, so nobody need send it
    }
  }
  return true;
}

}  // namespace

void endpoint_open(Endpoint& endpoint, int fd, Endpoint::Kind kind) {
  endpoint = Endpoint{};
  endpoint.watch = {on_ready, &endpoint, fd, 0};
  endpoint.kind = kind;
}

bool pump_open(Pump& pump, Endpoint& from, Endpoint& to) {
  pump.buffer = static_cast<char*>(malloc(Pump::kBuffer));
  if (pump.buffer == nullptr) return false;
  pump.from = &from;
  pump.to = &to;
  from.out_of = &pump;
  to.into = &pump;
  rearm(from);
  return true;
}

void pump_turn(Pump& pump) {
  for (int turn = 0; (turn < kTurns || pump.draining) && !pump.ended; ++turn) {
    if (pump.start == pump.end && !fill(pump)) break;
    if (!empty(pump)) break;
  }
  if (pump.ended && !pump.done && empty(pump)) {
    pump.done = true;
    close_reading(*pump.from);
    close_writing(*pump.to);
  }
  rearm(*pump.from);
  rearm(*pump.to);
  if (pump.done && pump.on_done != nullptr) pump.on_done(pump.owner);
}

void pump_drain(Pump& pump) {
  if (pump.buffer == nullptr || pump.done) return;
  pump.draining = true;
  pump.drain_left = kMaxHeld;
  pump_turn(pump);
}

void pump_close(Pump& pump) {
  if (pump.from != nullptr) endpoint_close(*pump.from);
  if (pump.to != nullptr) endpoint_close(*pump.to);
  free(pump.buffer);
  pump = Pump{};
}

void endpoint_close(Endpoint& endpoint) {
  close_watch(endpoint.watch);
  endpoint.out_of = nullptr;
  endpoint.into = nullptr;
}

}  // namespace bothy::init
