#include "devices/host/console/peer_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace bothy {
namespace {

constexpr int kPiecesInARow = 16;

bool hung_up(int fd) noexcept {
  pollfd state{fd, POLLIN, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

PeerStream::PeerStream(boost::asio::io_context& executor, Unattended unattended)
    : unattended_(unattended == Unattended::kKeepNewest ? OutputBuffer::Mode::kKeepNewest
                                                        : OutputBuffer::Mode::kWait),
      watch_(executor),
      buffer_(unattended_, [this] { watch_.post([this] { drain(); }); }) {}

PeerStream::~PeerStream() {
  leave_receiver();
  release_writers();
}

void PeerStream::leave_receiver() noexcept {
  if (receiver_ != nullptr) {
    std::exchange(receiver_, nullptr)->set_room_hook(nullptr);
  }
}

void PeerStream::serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer,
                       std::function<void()> on_gone) {
  receiver_ = &receiver;
  on_peer_ = std::move(on_peer);
  on_gone_ = std::move(on_gone);
  receiver.set_room_hook([this] { watch_.post([this] { deliver(); }); });
}

void PeerStream::attach(UniqueFd fd) {
  if (const auto watched = watch_.own(std::move(fd)); !watched) {
    log(LogLevel::kError, "the console has no peer any more: {}", watched.error().context);
    return;
  }
  on_peer_(true);
  buffer_.set_mode(OutputBuffer::Mode::kQueue);
  deliver();  // the last peer's input comes first
}

void PeerStream::drain() {
  for (int i = 0; i < kPiecesInARow; ++i) {
    if (!write_next()) {
      return;
    }
  }
  watch_.post([this] { drain(); });
}

bool PeerStream::write_next() {
  const auto piece = buffer_.front(OutputBuffer::kCapacity);
  if (piece.empty()) {
    return false;
  }
  const auto written = ::write(watch_.fd(), piece.data(), piece.size());
  if (written < 0 && errno == EINTR) {
    return true;
  }
  if (written < 0 && errno == EAGAIN) {
    watch_.wait(FdWatch::Event::kWritable, [this] { drain(); });
    return false;
  }
  if (written < 0) {
    buffer_.set_mode(unattended_);  // the peer's input is still to be read
    return false;
  }
  buffer_.consume(static_cast<std::size_t>(written));
  return true;
}

void PeerStream::wait_for_input() {
  watch_.wait(FdWatch::Event::kReadable, [this] { read_some(); });
}

void PeerStream::read_some() {
  std::array<char, 4096> buffer;
  const auto size = ::read(watch_.fd(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
    wait_for_input();
  } else if (size > 0) {
    pending_.append(buffer.data(), static_cast<std::size_t>(size));
    deliver();
  } else if (size == 0 && !hung_up(watch_.fd())) {
    wait_for_leaving();  // the peer sends no more, but may still read
  } else {
    detach();
  }
}

void PeerStream::wait_for_leaving() {
  watch_.wait(FdWatch::Event::kHangUp, [this] {
    if (hung_up(watch_.fd())) {
      detach();
    } else {
      wait_for_leaving();
    }
  });
}

void PeerStream::deliver() {
  if (!pending_.empty()) {
    pending_.erase(0, receiver_->receive(std::as_bytes(std::span(pending_))));
  }
  if (pending_.empty() && watch_.is_open()) {
    wait_for_input();
  }
}

void PeerStream::detach() {
  buffer_.set_mode(unattended_);
  watch_.close();
  on_peer_(false);
  on_gone_();
}

void PeerStream::flush(std::chrono::steady_clock::time_point deadline) noexcept {
  leave_receiver();
  buffer_.flush(watch_.fd(), deadline, OutputBuffer::kCapacity,
                [this](std::span<const std::byte> piece) {
                  return ::write(watch_.fd(), piece.data(), piece.size());
                });
}

}  // namespace bothy
