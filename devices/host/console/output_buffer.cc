#include "devices/host/console/output_buffer.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bothy {

void OutputBuffer::write(std::span<const std::byte> bytes) noexcept {
  std::unique_lock lock(mutex_);
  while (!bytes.empty()) {
    room_.wait(lock, [this] { return !must_wait(); });
    bytes = bytes.subspan(take(bytes));
  }
}

std::size_t OutputBuffer::try_write(std::span<const std::byte> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t taken = take(bytes);
  room_wanted_ |= taken < bytes.size();
  return taken;
}

void OutputBuffer::set_room_hook(std::function<void()> hook) noexcept {
  const std::lock_guard lock(mutex_);
  room_hook_ = std::move(hook);
}

void OutputBuffer::release_writers() noexcept {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
    call_room_hook();
  }
  room_.notify_all();
}

bool OutputBuffer::must_wait() const noexcept {
  return !released_ && (mode_ == Mode::kWait || (mode_ == Mode::kQueue && ring_.room() == 0));
}

std::size_t OutputBuffer::take(std::span<const std::byte> bytes) {
  std::size_t kept = 0;
  if (mode_ == Mode::kQueue) {
    kept = ring_.append(bytes);
    if (kept > 0 && !std::exchange(draining_, true)) {
      start_drain_();
    }
  } else if (mode_ == Mode::kKeepNewest) {
    keep_newest(bytes);
  }
  const bool takes_all = released_ || mode_ == Mode::kKeepNewest || mode_ == Mode::kDrop;
  return takes_all ? bytes.size() : kept;
}

void OutputBuffer::keep_newest(std::span<const std::byte> bytes) {
  const auto newest = bytes.last(std::min(bytes.size(), kCapacity));
  if (newest.size() > ring_.room()) {
    ring_.consume(newest.size() - ring_.room());
  }
  ring_.append(newest);
}

void OutputBuffer::call_room_hook() {
  if (room_hook_ && std::exchange(room_wanted_, false)) {
    room_hook_();
  }
}

void OutputBuffer::set_mode(Mode mode) {
  {
    const std::lock_guard lock(mutex_);
    mode_ = mode;
    if (mode == Mode::kWait || mode == Mode::kDrop) {
      ring_.consume(ring_.size());
    }
    draining_ = mode == Mode::kQueue && ring_.size() > 0;
    if (draining_) {
      start_drain_();
    }
    call_room_hook();
  }
  room_.notify_all();
}

std::span<const std::byte> OutputBuffer::front(std::size_t maximum) noexcept {
  const std::lock_guard lock(mutex_);
  if (mode_ != Mode::kQueue || ring_.size() == 0) {
    draining_ = false;
    return {};
  }
  return ring_.front(maximum);
}

void OutputBuffer::consume(std::size_t size) noexcept {
  {
    const std::lock_guard lock(mutex_);
    ring_.consume(size);
    // Not for every piece: a sender continues with a sizeable one.
    if (ring_.room() >= kCapacity / 2) {
      call_room_hook();
    }
  }
  room_.notify_all();
}

void OutputBuffer::flush(int fd, std::chrono::steady_clock::time_point deadline,
                         std::size_t max_piece,
                         const std::function<ssize_t(std::span<const std::byte>)>& write_piece) {
  for (auto piece = front(max_piece); !piece.empty(); piece = front(max_piece)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ready{fd, POLLOUT, 0};
    const int result = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (result == 0 || (result < 0 && errno != EINTR)) {
      return;
    }
    const ssize_t written = result > 0 ? write_piece(piece) : 0;
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return;
    }
    consume(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

}  // namespace bothy
