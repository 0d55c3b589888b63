// Where a console device's bytes go to and come from: a serial port and a virtio console alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/terminal.h"

namespace bothy {

using ConsoleSize = TerminalSize;

// Takes what the guest sends. Any thread, several at once.
class CharacterSink {
 public:
  CharacterSink() = default;
  CharacterSink(const CharacterSink&) = delete;
  CharacterSink& operator=(const CharacterSink&) = delete;
  virtual ~CharacterSink() = default;

  // Takes all of `bytes`, waiting where it must: so a stalled host slows the guest down. For vCPU
  // threads, never for an executor. A device holds no lock around it that receive() wants too.
  virtual void write(std::span<const std::byte> bytes) noexcept = 0;

  // Takes from the front of `bytes` what there is room for, without waiting, and returns how much
  // that was. Who sends keeps the rest and offers it again when the room hook is called.
  [[nodiscard]] virtual std::size_t try_write(std::span<const std::byte> bytes) noexcept = 0;

  // `hook` is called, on any thread and under the sink's lock, once after try_write() has left
  // bytes over, when it is worth another try: it may post a task and nothing more. There is one
  // hook, so one sender that doesn't wait. An empty one removes it; then no call of the former is
  // under way any longer.
  virtual void set_room_hook(std::function<void()> hook) noexcept = 0;
};

// A device that hands bytes to the guest.
class CharacterReceiver {
 public:
  CharacterReceiver() = default;
  CharacterReceiver(const CharacterReceiver&) = delete;
  CharacterReceiver& operator=(const CharacterReceiver&) = delete;
  virtual ~CharacterReceiver() = default;

  // Takes from the front of `bytes` what there is room for and returns how much that was. The
  // caller keeps the rest and offers it again when the room hook is called. Any thread; never waits
  // for the guest.
  [[nodiscard]] virtual std::size_t receive(std::span<const std::byte> bytes) noexcept = 0;

  // `hook` is called, on any thread and under the device's lock, once for each receive() that left
  // bytes over, when it is worth another try: it may post a task and nothing more. An empty one
  // removes it; then no call of the former is under way any longer.
  virtual void set_room_hook(std::function<void()> hook) noexcept = 0;
};

}  // namespace bothy
