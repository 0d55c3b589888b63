#include "devices/host/console/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
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
    : executor_(executor),
      watch_(executor),
      on_broken_(std::move(on_broken)),
      buffer_(OutputBuffer::Mode::kQueue, [this] { watch_.post([this] { drain(); }); }) {}

void ConsoleOutput::drain() {
  watch_.wait(FdWatch::Event::kWritable, [this] {
    if (write_next()) {
      drain();
    }
  });
}

bool ConsoleOutput::write_next() {
  const auto piece = buffer_.front(kPieceSize);
  if (piece.empty()) {
    return false;
  }
  const auto written = write_piece(piece);
  if (written < 0) {
    if (errno == EINTR || errno == EAGAIN) {
      return !executor_.stopped();
    }
    break_off(errno);
    return false;
  }
  buffer_.consume(static_cast<std::size_t>(written));
  return true;
}

ssize_t ConsoleOutput::write_piece(std::span<const std::byte> piece) noexcept {
  // Before a write, so that the file always holds the newest output.
  if (limit_ > 0 && written_ >= limit_ && ::ftruncate(watch_.fd(), 0) == 0) {
    written_ = 0;
  }
  const auto written = ::write(watch_.fd(), piece.data(), piece.size());
  written_ += static_cast<std::uint64_t>(std::max<ssize_t>(written, 0));
  return written;
}

void ConsoleOutput::break_off(int error_number) {
  buffer_.set_mode(OutputBuffer::Mode::kDrop);
  if (on_broken_) {
    std::exchange(on_broken_, nullptr)(error_number);
  }
}

void ConsoleOutput::flush(std::chrono::steady_clock::time_point deadline) noexcept {
  buffer_.flush(watch_.fd(), deadline, kPieceSize,
                [this](std::span<const std::byte> piece) { return write_piece(piece); });
}

}  // namespace bothy
