// ConsoleOutput: the output of a guest's console, on its way to a file descriptor of the host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "base/fd_watch.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/host/console/byte_ring.h"
#include "devices/host/console/character_backend.h"

namespace bothy {

// A bounded ring between the writers and the executor that drains it. A write appends and wakes the
// executor once per burst, so that a character costs no system call. When the ring is full write()
// waits and try_write() takes nothing: a stalled reader slows the guest down and loses nothing.
//
// The descriptor may be shared with other processes, so it never becomes non-blocking: it is
// written to when it is ready, at most PIPE_BUF bytes at a time, which a ready pipe takes at once.
class ConsoleOutput final : public CharacterBackend {
 public:
  static constexpr std::size_t kCapacity = 64 * 1024;

  // Writes to a duplicate of `fd`. `on_broken` is called once, on the executor, with the errno
  // value of a write that failed (no reader, a terminal that hung up, a full disk): later output is
  // dropped.
  [[nodiscard]] static Result<std::unique_ptr<ConsoleOutput>> create(
      boost::asio::io_context& executor, int fd, std::function<void(int error_number)> on_broken);
  ~ConsoleOutput() override;

  // A file that has grown by this much is truncated before the next write. Set before the first.
  void set_limit(std::uint64_t bytes) noexcept { limit_ = bytes; }

  // Any thread but the executor's.
  void write(std::span<const std::byte> bytes) noexcept override;
  // Any thread.
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;

  void serve(CharacterReceiver&, std::function<void(bool)>) override {}
  void release_writers() noexcept override;
  void flush(std::chrono::steady_clock::time_point deadline) noexcept override;

 private:
  ConsoleOutput(boost::asio::io_context& executor, std::function<void(int)> on_broken);

  // Takes what there is room for, under the lock, and returns how much that was.
  [[nodiscard]] std::size_t take(std::span<const std::byte> bytes) noexcept;
  void make_room(std::size_t size);
  void drain();
  // Writes one piece; false when nothing is left or the descriptor is broken.
  bool write_piece();
  void keep_limit() noexcept;
  void break_off(int error_number);

  boost::asio::io_context& executor_;
  FdWatch watch_;
  std::function<void(int)> on_broken_;
  std::uint64_t limit_ = 0;    // 0: none
  std::uint64_t written_ = 0;  // towards it

  std::mutex mutex_;
  std::condition_variable room_;
  std::function<void()> room_hook_;
  ByteRing ring_{kCapacity};
  bool room_wanted_ = false;
  bool draining_ = false;
  bool released_ = false;
  bool broken_ = false;
};

}  // namespace bothy
