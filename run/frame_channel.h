// FrameChannel: frames (frame.h) both ways over a stream socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd_watch.h"
#include "base/unique_fd.h"
#include "run/frame.h"

namespace bothy::run {

struct FrameView {
  std::uint16_t type = 0;
  std::uint32_t process = 0;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // The value at the start of the content; zero when the content is shorter than a T.
  template <class T>
  [[nodiscard]] T value() const noexcept {
    T value{};
    if (bytes.size() >= sizeof(T)) {
      __builtin_memcpy(&value, bytes.data(), sizeof(T));
    }
    return value;
  }
};

// For the executor's thread. The peer is not trusted: a frame longer than kMaxFrame closes the
// channel. A hook may let go of the channel that calls it.
class FrameChannel : public std::enable_shared_from_this<FrameChannel> {
 public:
  struct Hooks {
    std::function<void(const FrameView&)> frame;
    // By the peer, by an error or after finish(); once, and the last call.
    std::function<void()> closed;
    std::function<void()> drained;  // everything queued has been sent
  };

  FrameChannel(boost::asio::io_context& executor, UniqueFd socket);

  // Hooks are called until close(); they may call anything here.
  void start(Hooks hooks);
  void send(std::uint16_t type, std::uint32_t process, std::span<const std::byte> bytes = {});
  void send_text(std::uint16_t type, std::uint32_t process, std::string_view text) {
    send(type, process, std::as_bytes(std::span(text)));
  }
  template <class T>
  void send_value(std::uint16_t type, std::uint32_t process, const T& value) {
    send(type, process, std::as_bytes(std::span(&value, 1)));
  }
  // Bytes that wait to be sent. A producer that finds many waits for `drained`.
  [[nodiscard]] std::size_t queued() const noexcept { return sending_.size() + waiting_.size(); }
  // Closes once everything queued is sent.
  void finish();
  void close();

 private:
  void wait_to_read();
  void on_readable();
  void on_read(std::size_t count);
  void wait_to_write();
  void on_writable();
  void on_written();
  void lost();

  boost::asio::io_context& executor_;
  FdWatch socket_;
  Hooks hooks_;
  std::vector<std::byte> incoming_;
  std::size_t filled_ = 0;  // of incoming_
  std::vector<std::byte> sending_;
  std::size_t sent_ = 0;  // of sending_
  std::vector<std::byte> waiting_;
  bool finishing_ = false;
};

}  // namespace bothy::run
