// The byte streams between a console device (a serial port or a virtio console) and its back end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/terminal.h"

namespace bothy {

using ConsoleSize = TerminalSize;

// Takes the guest's output. May be called by several threads at once.
class CharacterSink {
 public:
  CharacterSink() = default;
  CharacterSink(const CharacterSink&) = delete;
  CharacterSink& operator=(const CharacterSink&) = delete;
  virtual ~CharacterSink() = default;

  // Takes all of `bytes`. Blocks while the sink is full, so that a stalled host slows the guest
  // down: for vCPU threads, never on an executor. The caller must not hold a lock that receive()
  // takes.
  virtual void write(std::span<const std::byte> bytes) noexcept = 0;

  // Takes the first bytes that there is room for, without blocking, and returns their number. The
  // caller keeps the others and tries again when the room hook is called.
  [[nodiscard]] virtual std::size_t try_write(std::span<const std::byte> bytes) noexcept = 0;

  // After a try_write() that left bytes over, `hook` is called once when there is room: on any
  // thread and under the sink's lock, so it may only post a task. There is one hook, so one
  // non-blocking sender. An empty hook removes the former one, which is not being called any more
  // on return.
  virtual void set_room_hook(std::function<void()> hook) noexcept = 0;
};

// A device that takes input for the guest.
class CharacterReceiver {
 public:
  CharacterReceiver() = default;
  CharacterReceiver(const CharacterReceiver&) = delete;
  CharacterReceiver& operator=(const CharacterReceiver&) = delete;
  virtual ~CharacterReceiver() = default;

  // Takes the first bytes that there is room for, and returns their number. The caller keeps the
  // others and tries again when the room hook is called. Any thread; never waits for the guest.
  [[nodiscard]] virtual std::size_t receive(std::span<const std::byte> bytes) noexcept = 0;

  // After a receive() that left bytes over, `hook` is called once when there is room: on any thread
  // and under the device's lock, so it may only post a task. An empty hook removes the former one,
  // which is not being called any more on return.
  virtual void set_room_hook(std::function<void()> hook) noexcept = 0;
};

}  // namespace bothy
