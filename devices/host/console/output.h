// ConsoleOutput: what a guest prints, on its way to a file descriptor of the host.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/host/console/byte_ring.h"
#include "devices/host/console/character_backend.h"

namespace bothy {

// A bounded ring between who writes and the executor that drains it. A write appends and wakes the
// executor once per burst, so that a character costs no system call. When the ring is full write()
// waits and try_write() takes nothing: a stalled reader slows the guest down and loses nothing.
//
// The descriptor is shared with whoever started us, so it never becomes non-blocking: it is written
// to when poll says so, a pipe's worth of atomic write at a time.
class ConsoleOutput final : public CharacterBackend {
 public:
  static constexpr std::size_t kCapacity = 64 * 1024;

  // Writes to a duplicate of `fd`. `on_broken` is called once, on the executor, when nobody reads
  // any more (EPIPE, EIO of a terminal that hung up, a full disk): what comes after that is
  // dropped.
  [[nodiscard]] static Result<std::unique_ptr<ConsoleOutput>> create(
      boost::asio::io_context& executor, int fd, std::function<void(int error_number)> on_broken);
  ~ConsoleOutput() override;

  // A file that has grown by this much since it was last empty starts anew. Before anything is
  // written.
  void set_limit(std::uint64_t bytes) noexcept { limit_ = bytes; }

  // Any thread but the executor's.
  void write(std::span<const std::byte> bytes) noexcept override;
  // Any thread.
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;

  // There is no input here.
  void serve(CharacterReceiver&, std::function<void(bool)>) override {}
  void release_writers() noexcept override;
  void flush(std::chrono::steady_clock::time_point deadline) noexcept override;

 private:
  ConsoleOutput(boost::asio::io_context& executor, UniqueFd fd, bool pollable,
                std::function<void(int)> on_broken);

  // Takes what there is room for, under the lock, and returns how much that was.
  [[nodiscard]] std::size_t take(std::span<const std::byte> bytes) noexcept;
  void make_room(std::size_t size);
  void drain();
  // Writes one piece; false when the descriptor is broken.
  bool write_piece();
  void keep_limit() noexcept;
  void break_off(int error_number);

  boost::asio::io_context& executor_;
  const bool pollable_;  // a regular file isn't, and is always ready
  boost::asio::posix::stream_descriptor descriptor_;
  UniqueFd plain_fd_;  // where not pollable
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
