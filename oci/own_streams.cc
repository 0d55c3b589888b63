#include "oci/own_streams.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace bothy::oci {
namespace {

constexpr std::size_t kMaxQueued = 256U << 10U;  // bytes of an output
constexpr std::size_t kPiece = 32U << 10U;       // of the input

}  // namespace

OwnStreams::OwnStreams(boost::asio::io_context& executor, std::shared_ptr<run::Workload> workload,
                       OnEnd on_end)
    : workload_(std::move(workload)),
      on_end_(std::move(on_end)),
      input_(executor),
      outputs_{Output(executor), Output(executor)} {}

OwnStreams::~OwnStreams() = default;

void OwnStreams::start() {
  constexpr std::array kDescriptors{STDOUT_FILENO, STDERR_FILENO};
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    static_cast<void>(outputs_.at(i).watch.borrow(kDescriptors.at(i)));
  }
  workload_->attach(*this);
  if (input_.borrow(STDIN_FILENO)) {
    wait_to_read();
  } else {
    workload_->end_input();
  }
}

void OwnStreams::wait_to_read() {
  input_.wait(FdWatch::Event::kReadable, [this] { on_readable(); });
}

void OwnStreams::on_readable() {
  std::array<std::byte, kPiece> piece;
  const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    return wait_to_read();
  }
  if (count <= 0) {
    input_.close();
    return workload_->end_input();
  }
  if (workload_->input(std::span(piece).first(static_cast<std::size_t>(count)))) {
    wait_to_read();
  }
}

void OwnStreams::on_input_room() {
  if (input_.is_open()) {
    wait_to_read();
  }
}

void OwnStreams::on_output(run::Stream stream, std::span<const std::byte> bytes) {
  Output& output = outputs_.at(stream == run::Stream::kError ? 1 : 0);
  if (output.watch.is_open()) {
    output.bytes.insert(output.bytes.end(), bytes.begin(), bytes.end());
    wait_to_write(output);
  }
}

bool OwnStreams::is_full() const {
  return std::ranges::any_of(
      outputs_, [](const Output& each) { return each.bytes.size() - each.written > kMaxQueued; });
}

void OwnStreams::wait_to_write(Output& output) {
  output.watch.wait(FdWatch::Event::kWritable, [this, &output] { on_writable(output); });
}

// At most PIPE_BUF bytes: readiness promises no more room than that.
void OwnStreams::on_writable(Output& output) {
  const auto piece = std::span(output.bytes).subspan(output.written);
  const ssize_t count =
      ::write(output.watch.fd(), piece.data(), std::min<std::size_t>(piece.size(), PIPE_BUF));
  if (count < 0 && errno != EINTR && errno != EAGAIN) {
    output.watch.close();  // nobody reads any more
    output.bytes.clear();
    output.written = 0;
  } else {
    output.written += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    if (output.written < output.bytes.size()) {
      wait_to_write(output);
    } else {
      output.bytes.clear();
      output.written = 0;
    }
  }
  if (!is_full()) {
    workload_->listener_has_room();
  }
  check_end();
}

void OwnStreams::on_end(int code, const std::string& error) {
  has_ended_ = true;
  code_ = code;
  error_ = error;
  input_.close();
  check_end();
}

void OwnStreams::check_end() {
  const bool written =
      std::ranges::all_of(outputs_, [](const Output& each) { return each.bytes.empty(); });
  if (has_ended_ && written && !std::exchange(has_told_, true)) {
    on_end_(code_, error_);
  }
}

}  // namespace bothy::oci
