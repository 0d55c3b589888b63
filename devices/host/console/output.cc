#include "devices/host/console/output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace bothy {
namespace {

// A pipe that polls writable has room for this much: a larger write could block.
constexpr std::size_t kPieceSize = PIPE_BUF;

}  // namespace

Result<std::unique_ptr<ConsoleOutput>> ConsoleOutput::create(boost::asio::io_context& executor,
                                                             int fd,
                                                             std::function<void(int)> on_broken) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) {
    return errno_error("can't keep the console's output open");
  }
  std::unique_ptr<ConsoleOutput> output(new ConsoleOutput(executor, std::move(on_broken)));
  BOTHY_TRY(output->watch_.own(std::move(copy)));
  return output;
}

ConsoleOutput::ConsoleOutput(boost::asio::io_context& executor, std::function<void(int)> on_broken)
    : executor_(executor), watch_(executor), on_broken_(std::move(on_broken)) {}

ConsoleOutput::~ConsoleOutput() {
  release_writers();
}

void ConsoleOutput::write(std::span<const std::byte> bytes) noexcept {
  std::unique_lock lock(mutex_);
  while (!bytes.empty()) {
    room_.wait(lock, [this] { return ring_.room() > 0 || released_ || broken_; });
    bytes = bytes.subspan(take(bytes));
  }
}

std::size_t ConsoleOutput::try_write(std::span<const std::byte> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t taken = take(bytes);
  room_wanted_ |= taken < bytes.size();
  return taken;
}

void ConsoleOutput::set_room_hook(std::function<void()> hook) noexcept {
  const std::lock_guard lock(mutex_);
  room_hook_ = std::move(hook);
}

std::size_t ConsoleOutput::take(std::span<const std::byte> bytes) noexcept {
  const std::size_t kept = broken_ ? 0 : ring_.append(bytes);
  const std::size_t taken = released_ || broken_ ? bytes.size() : kept;
  if (kept > 0 && !std::exchange(draining_, true)) {
    watch_.post([this] { drain(); });
  }
  return taken;
}

void ConsoleOutput::drain() {
  watch_.wait(FdWatch::Event::kWritable, [this] {
    if (write_piece()) {
      drain();
    }
  });
}

bool ConsoleOutput::write_piece() {
  std::array<std::byte, kPieceSize> piece;
  std::size_t size = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto front = ring_.front(piece.size());
    size = front.size();
    if (size == 0 || broken_) {
      draining_ = false;
      return false;
    }
    std::memcpy(piece.data(), front.data(), size);
  }
  // Without the lock: a terminal may be slow, and the guest runs on meanwhile.
  keep_limit();
  const auto written = ::write(watch_.fd(), piece.data(), size);
  if (written < 0) {
    if (errno == EINTR || errno == EAGAIN) {
      return !executor_.stopped();
    }
    break_off(errno);
    return false;
  }
  written_ += static_cast<std::uint64_t>(written);
  make_room(static_cast<std::size_t>(written));
  return true;
}

// Before a write, so that the file always holds the newest output.
void ConsoleOutput::keep_limit() noexcept {
  if (limit_ > 0 && written_ >= limit_ && ::ftruncate(watch_.fd(), 0) == 0) {
    written_ = 0;
  }
}

void ConsoleOutput::make_room(std::size_t size) {
  {
    const std::lock_guard lock(mutex_);
    ring_.consume(size);
    // Not for every piece: a waiting writer continues with a sizeable one.
    if (room_hook_ && room_wanted_ && ring_.room() >= kCapacity / 2) {
      room_wanted_ = false;
      room_hook_();
    }
  }
  room_.notify_all();
}

void ConsoleOutput::break_off(int error_number) {
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    draining_ = false;
    ring_.consume(ring_.size());
    if (room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  room_.notify_all();
  if (on_broken_) {
    std::exchange(on_broken_, nullptr)(error_number);
  }
}

void ConsoleOutput::release_writers() noexcept {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
    if (room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  room_.notify_all();
}

void ConsoleOutput::flush(std::chrono::steady_clock::time_point deadline) noexcept {
  while (ring_.size() > 0 && !broken_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ready{watch_.fd(), POLLOUT, 0};
    const int result = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (result == 0 || (result < 0 && errno != EINTR)) {
      return;
    }
    if (result < 0) {
      continue;
    }
    const auto front = ring_.front(kPieceSize);
    keep_limit();
    const auto written = ::write(watch_.fd(), front.data(), front.size());
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return;
    }
    if (written > 0) {
      ring_.consume(static_cast<std::size_t>(written));
      written_ += static_cast<std::uint64_t>(written);
    }
  }
}

}  // namespace bothy
