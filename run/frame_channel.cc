#include "run/frame_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bothy::run {
namespace {

constexpr std::size_t kInitialBuffer = 64U << 10U;

}  // namespace

// A socket that can't be watched is one that is closed: start() tells.
FrameChannel::FrameChannel(boost::asio::io_context& executor, UniqueFd socket)
    : executor_(executor), socket_(executor) {
  static_cast<void>(socket_.own(std::move(socket)));
}

void FrameChannel::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  incoming_.resize(kInitialBuffer);
  if (!socket_.is_open()) {
    return socket_.post([this] { lost(); });
  }
  wait_to_read();
}

void FrameChannel::wait_to_read() {
  socket_.wait(FdWatch::Event::kReadable, [this] { on_readable(); });
}

void FrameChannel::on_readable() {
  const auto kept = shared_from_this();  // until the hooks have returned
  const ssize_t count =
      ::recv(socket_.fd(), incoming_.data() + filled_, incoming_.size() - filled_, MSG_DONTWAIT);
  if (count > 0) {
    on_read(static_cast<std::size_t>(count));
  } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    wait_to_read();
  } else {
    lost();
  }
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
  wait_to_read();
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
    sending_ = std::exchange(waiting_, {});
    wait_to_write();
  }
}

void FrameChannel::wait_to_write() {
  socket_.wait(FdWatch::Event::kWritable, [this] { on_writable(); });
}

void FrameChannel::on_writable() {
  const auto kept = shared_from_this();  // until the hooks have returned
  const ssize_t count = ::send(socket_.fd(), sending_.data() + sent_, sending_.size() - sent_,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    return lost();
  }
  sent_ += count > 0 ? static_cast<std::size_t>(count) : 0;
  sent_ < sending_.size() ? wait_to_write() : on_written();
}

void FrameChannel::on_written() {
  sent_ = 0;
  sending_ = std::exchange(waiting_, {});
  if (!sending_.empty()) {
    return wait_to_write();
  }
  if (finishing_) {
    return lost();
  }
  if (const auto drained = hooks_.drained) {
    drained();
  }
}

void FrameChannel::finish() {
  finishing_ = true;
  if (!sending_.empty() || !socket_.is_open()) {
    return;
  }
  const auto closed = std::exchange(hooks_, {}).closed;
  close();
  if (closed) {
    boost::asio::post(executor_, closed);  // never from within finish()
  }
}

void FrameChannel::close() {
  socket_.close();
  sending_.clear();
  waiting_.clear();
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
