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
  {
    const std::lock_guard lock(mutex_);
    attached_ = true;
    draining_ = true;
    if (room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  room_.notify_all();
  deliver();  // the last peer's input comes first
  drain();
}

void PeerStream::write(std::span<const std::byte> bytes) noexcept {
  std::unique_lock lock(mutex_);
  while (!bytes.empty()) {
    bytes = bytes.subspan(take(bytes));
    room_.wait(lock, [&] {
      return bytes.empty() || released_ ||
             (attached_ ? ring_.room() > 0 : unattended_ == Unattended::kKeepNewest);
    });
  }
}

std::size_t PeerStream::try_write(std::span<const std::byte> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t taken = take(bytes);
  room_wanted_ |= taken < bytes.size();
  return taken;
}

void PeerStream::set_room_hook(std::function<void()> hook) noexcept {
  const std::lock_guard lock(mutex_);
  room_hook_ = std::move(hook);
}

std::size_t PeerStream::take(std::span<const std::byte> bytes) noexcept {
  if (!attached_) {
    return unattended_ == Unattended::kKeepNewest ? keep_newest(bytes)
                                                  : (released_ ? bytes.size() : 0);
  }
  const std::size_t kept = ring_.append(bytes);
  if (kept > 0 && !std::exchange(draining_, true)) {
    watch_.post([this] { drain(); });
  }
  return released_ ? bytes.size() : kept;
}

std::size_t PeerStream::keep_newest(std::span<const std::byte> bytes) {
  const auto newest = bytes.last(std::min(bytes.size(), kCapacity));
  if (newest.size() > ring_.room()) {
    ring_.consume(newest.size() - ring_.room());
  }
  ring_.append(newest);
  return bytes.size();
}

void PeerStream::drain() {
  for (int i = 0; i < kPiecesInARow; ++i) {
    if (!write_piece()) {
      return;
    }
  }
  watch_.post([this] { drain(); });
}

bool PeerStream::write_piece() {
  std::span<const std::byte> piece;
  {
    const std::lock_guard lock(mutex_);
    piece = ring_.front(kCapacity);
    if (!attached_ || piece.empty()) {
      draining_ = false;
      return false;
    }
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
    end_output();  // the peer's input is still to be read
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    ring_.consume(static_cast<std::size_t>(written));
    if (room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  room_.notify_all();
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

void PeerStream::end_output() {
  {
    const std::lock_guard lock(mutex_);
    attached_ = false;
    draining_ = false;
    if (unattended_ == Unattended::kWait) {
      ring_.consume(ring_.size());
    }
    if (room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  room_.notify_all();
}

void PeerStream::detach() {
  end_output();
  watch_.close();
  on_peer_(false);
  on_gone_();
}

void PeerStream::release_writers() noexcept {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
    if (room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  room_.notify_all();
}

void PeerStream::flush(std::chrono::steady_clock::time_point deadline) noexcept {
  leave_receiver();
  while (attached_ && ring_.size() > 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ready{watch_.fd(), POLLOUT, 0};
    const int result = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (result == 0 || (result < 0 && errno != EINTR)) {
      return;
    }
    const auto front = ring_.front(kCapacity);
    const auto written = ::write(watch_.fd(), front.data(), front.size());
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return;
    }
    ring_.consume(static_cast<std::size_t>(std::max<std::int64_t>(written, 0)));
  }
}

}  // namespace bothy
