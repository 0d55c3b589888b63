// OutputBuffer: a guest's output on its way from the writers to the executor that drains it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <utility>

#include "devices/host/console/byte_ring.h"

namespace bothy {

// A bounded ring. A write appends and starts the drain once per burst, so that a character costs no
// system call. When the ring is full write() waits and try_write() takes nothing: a stalled reader
// slows the guest down and loses nothing.
class OutputBuffer {
 public:
  static constexpr std::size_t kCapacity = 64U << 10U;

  // What happens to output that is written.
  enum class Mode : std::uint8_t {
    kQueue,       // it is buffered and drained
    kWait,        // none is taken
    kKeepNewest,  // the newest is buffered, as far as there is room
    kDrop,
  };

  // `start_drain` is called when a drain is due and none is under way: on any thread and under the
  // lock, so it may only post a task.
  OutputBuffer(Mode mode, std::function<void()> start_drain)
      : start_drain_(std::move(start_drain)), mode_(mode) {}

  // As those of CharacterSink.
  void write(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept;
  void set_room_hook(std::function<void()> hook) noexcept;
  // From now on writes never wait: what there is no room for is dropped. Any thread.
  void release_writers() noexcept;

  // The executor's. kWait and kDrop drop what is buffered; kQueue starts a drain of it.
  void set_mode(Mode mode);
  // The oldest output, at most `maximum` bytes, until consume(). The drain is over when this is
  // empty.
  [[nodiscard]] std::span<const std::byte> front(std::size_t maximum) noexcept;
  void consume(std::size_t size) noexcept;

  // Only once the executor has stopped. Passes what is buffered to `write_piece`, which returns as
  // write(2) does, whenever `fd` is writable, until `deadline`.
  void flush(int fd, std::chrono::steady_clock::time_point deadline, std::size_t max_piece,
             const std::function<ssize_t(std::span<const std::byte>)>& write_piece);

 private:
  // The following are called under the lock.
  [[nodiscard]] std::size_t take(std::span<const std::byte> bytes);
  void keep_newest(std::span<const std::byte> bytes);
  [[nodiscard]] bool must_wait() const noexcept;
  void call_room_hook();

  const std::function<void()> start_drain_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::function<void()> room_hook_;
  ByteRing ring_{kCapacity};  // with kQueue only the executor removes from it
  Mode mode_;
  bool room_wanted_ = false;
  bool draining_ = false;
  bool released_ = false;
};

}  // namespace bothy
