#include "run/frame_channel.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <utility>

namespace bothy::run {
namespace {

constexpr std::size_t kInitialBuffer = 64 * 1024;

}  // namespace

FrameChannel::FrameChannel(boost::asio::io_context& executor, UniqueFd socket)
    : socket_(executor, socket.release()) {}

void FrameChannel::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  incoming_.resize(kInitialBuffer);
  read();
}

void FrameChannel::read() {
  if (reading_ || !socket_.is_open()) {
    return;
  }
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(incoming_.data() + filled_, incoming_.size() - filled_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
        self->reading_ = false;
        if (error) {
          return self->lost();
        }
        self->on_read(count);
      });
}

void FrameChannel::on_read(std::size_t count) {
  filled_ += count;
  std::size_t at = 0;
  std::size_t wanted = sizeof(FrameHeader);
  while (socket_.is_open() && filled_ - at >= sizeof(FrameHeader)) {
    FrameHeader frame{};
    std::memcpy(&frame, incoming_.data() + at, sizeof(frame));
    if (frame.length > kMaxFrame) {
      return lost();
    }
    wanted = sizeof(frame) + frame.length;
    if (filled_ - at < wanted) {
      break;
    }
    if (hooks_.frame) {
      // A copy: the hook may close this channel.
      const auto on_frame = hooks_.frame;
      on_frame({frame.type, frame.process,
                std::span(incoming_).subspan(at + sizeof(frame), frame.length)});
    }
    at += wanted;
    wanted = sizeof(FrameHeader);
  }
  std::memmove(incoming_.data(), incoming_.data() + at, filled_ - at);
  filled_ -= at;
  if (incoming_.size() < std::max(wanted, filled_ + 1)) {
    incoming_.resize(std::max(wanted, filled_ + 1));
  }
  read();
}

void FrameChannel::send(std::uint16_t type, std::uint32_t process,
                        std::span<const std::byte> bytes) {
  if (!socket_.is_open() || finishing_) {
    return;
  }
  const FrameHeader frame{static_cast<std::uint32_t>(bytes.size()), type, 0, process};
  const auto head = std::as_bytes(std::span(&frame, 1));
  waiting_.insert(waiting_.end(), head.begin(), head.end());
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  if (sending_.empty()) {
    write();
  }
}

void FrameChannel::write() {
  sending_ = std::exchange(waiting_, {});
  boost::asio::async_write(
      socket_, boost::asio::buffer(sending_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
        self->sending_.clear();
        if (error) {
          return self->lost();
        }
        if (!self->waiting_.empty()) {
          return self->write();
        }
        if (self->finishing_) {
          return self->lost();
        }
        if (const auto drained = self->hooks_.drained) {
          drained();
        }
      });
}

void FrameChannel::finish() {
  finishing_ = true;
  if (!sending_.empty() || !socket_.is_open()) {
    return;
  }
  const auto closed = std::exchange(hooks_, {}).closed;
  close();
  if (closed) {
    boost::asio::post(socket_.get_executor(), closed);  // never from within finish()
  }
}

void FrameChannel::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  hooks_ = {};
}

void FrameChannel::lost() {
  const auto closed = std::exchange(hooks_, {}).closed;
  close();
  if (closed) {
    closed();
  }
}

}  // namespace bothy::run
