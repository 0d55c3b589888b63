// ConsoleOutput: the output of a guest's console, on its way to a file descriptor of the host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/fd_watch.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/host/console/character_backend.h"
#include "devices/host/console/output_buffer.h"

namespace bothy {

// The descriptor may be shared with other processes, so it never becomes non-blocking: it is
// written to when it is ready, at most PIPE_BUF bytes at a time, which a ready pipe takes at once.
class ConsoleOutput final : public CharacterBackend {
 public:
  // Writes to a duplicate of `fd`. `on_broken` is called once, on the executor, with the errno
  // value of a write that failed (no reader, a terminal that hung up, a full disk): later output is
  // dropped.
  [[nodiscard]] static Result<std::unique_ptr<ConsoleOutput>> create(
      boost::asio::io_context& executor, int fd, std::function<void(int error_number)> on_broken);
  ~ConsoleOutput() override { release_writers(); }

  // A file that has grown by this much is truncated before the next write. Set before the first.
  void set_limit(std::uint64_t bytes) noexcept { limit_ = bytes; }

  // Any thread but the executor's.
  void write(std::span<const std::byte> bytes) noexcept override { buffer_.write(bytes); }
  // Any thread.
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override {
    return buffer_.try_write(bytes);
  }
  void set_room_hook(std::function<void()> hook) noexcept override {
    buffer_.set_room_hook(std::move(hook));
  }

  void serve(CharacterReceiver&, std::function<void(bool)>) override {}
  void release_writers() noexcept override { buffer_.release_writers(); }
  void flush(std::chrono::steady_clock::time_point deadline) noexcept override;

 private:
  ConsoleOutput(boost::asio::io_context& executor, std::function<void(int)> on_broken);

  void drain();
  // Writes one piece; false when nothing is left or the descriptor is broken.
  bool write_next();
  // As write(2); keeps the limit.
  [[nodiscard]] ssize_t write_piece(std::span<const std::byte> piece) noexcept;
  void break_off(int error_number);

  boost::asio::io_context& executor_;
  FdWatch watch_;
  std::function<void(int)> on_broken_;
  std::uint64_t limit_ = 0;    // 0: none
  std::uint64_t written_ = 0;  // towards it
  OutputBuffer buffer_;
};

}  // namespace bothy
