#include "run/workload.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/files.h"

namespace bothy::run {
namespace {

constexpr std::size_t kBufferSize = 64U << 10U;
constexpr std::size_t kMaxPendingInput = 256U << 10U;
// From the exit of a process to the end of waiting for its streams to come up.
constexpr std::chrono::milliseconds kStreamGrace{500};

int code_of(int wait_status) noexcept {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

Workload::Workload(boost::asio::io_context& executor, Clock& clock, Setup setup, OnEnd on_end)
    : executor_(executor),
      setup_(setup),
      on_end_(std::move(on_end)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(kBufferSize)),
      stream_timer_(executor, clock) {
  channels_[0].done = !setup_.terminal;  // nothing is read from a stdin
  channels_[1].done = setup_.terminal || !setup_.output;
  channels_[2].done = setup_.terminal || !setup_.error;
}

void Workload::set_stream(std::uint32_t index, UniqueFd fd) {
  const std::array expected{setup_.terminal || setup_.input, !setup_.terminal && setup_.output,
                            !setup_.terminal && setup_.error};
  if (index > 2 || !expected.at(index) || channels_.at(index).stream || end_) {
    return;
  }
  Channel& channel = channels_.at(index);
  channel.stream.emplace(executor_);
  if (!set_nonblocking(fd.get()) || !channel.stream->own(std::move(fd))) {
    channel.done = true;  // as if the process had closed its end
    return channel.stream->post([this] { check_end(); });
  }
  if (!channel.done) {
    wait_to_read(index);
  }
  if (index == 0) {
    write();
  }
}

bool Workload::is_blocked() const {
  return !hurried_ &&
         std::ranges::any_of(listeners_, [](const Listener* each) { return each->is_full(); });
}

void Workload::wait_to_read(std::size_t index) {
  Channel& channel = channels_.at(index);
  if (!channel.done && channel.stream && !is_blocked()) {
    channel.stream->wait(FdWatch::Event::kReadable, [this, index] { on_readable(index); });
  }
}

void Workload::on_readable(std::size_t index) {
  const auto kept = shared_from_this();  // until the listeners have returned
  Channel& channel = channels_.at(index);
  const ssize_t count = ::read(channel.stream->fd(), buffer_.get(), kBufferSize);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return wait_to_read(index);
  }
  if (count <= 0) {  // the end; of a terminal, EIO
    channel.done = true;
    return check_end();
  }
  const std::span<const std::byte> bytes(buffer_.get(), static_cast<std::size_t>(count));
  const Stream stream = index == 2 ? Stream::kError : Stream::kOutput;
  if (setup_.log != nullptr) {
    setup_.log->append(stream, bytes);
  }
  for (Listener* listener : std::vector(listeners_.begin(), listeners_.end())) {
    if (!hurried_ || !listener->is_full()) {
      listener->on_output(stream, bytes);
    }
  }
  wait_to_read(index);
}

void Workload::hurry() {
  hurried_ = true;
  listener_has_room();
}

void Workload::listener_has_room() {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    wait_to_read(i);
  }
}

bool Workload::input(std::span<const std::byte> bytes) {
  if (!setup_.input || input_ended_ || end_) {
    return true;
  }
  incoming_.insert(incoming_.end(), bytes.begin(), bytes.end());
  write();
  input_full_ = incoming_.size() > kMaxPendingInput;
  return !input_full_;
}

void Workload::end_input() {
  input_ended_ = true;
  write();
}

void Workload::write() {
  if (!channels_[0].stream || !writing_.empty()) {
    return;
  }
  if (incoming_.empty()) {
    // The end of a terminal's input is typed.
    if (input_ended_ && !setup_.terminal) {
      close_input();
    }
    return;
  }
  writing_ = std::exchange(incoming_, {});
  written_ = 0;
  wait_to_write();
}

void Workload::wait_to_write() {
  channels_[0].stream->wait(FdWatch::Event::kWritable, [this] { on_writable(); });
}

void Workload::on_writable() {
  const auto kept = shared_from_this();  // until the listeners have returned
  const ssize_t count =
      ::write(channels_[0].stream->fd(), writing_.data() + written_, writing_.size() - written_);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    input_ended_ = true;  // the process reads no more
    incoming_.clear();
    return on_written();
  }
  written_ += count > 0 ? static_cast<std::size_t>(count) : 0;
  written_ < writing_.size() ? wait_to_write() : on_written();
}

void Workload::on_written() {
  writing_.clear();
  if (std::exchange(input_full_, false)) {
    for (Listener* listener : std::vector(listeners_.begin(), listeners_.end())) {
      listener->on_input_room();
    }
  }
  write();
}

// A socket may still be needed by the other side; a pipe's end is told by closing it.
void Workload::close_input() {
  auto& stream = channels_[0].stream;
  if (::shutdown(stream->fd(), SHUT_WR) != 0 && errno == ENOTSOCK) {
    stream.reset();
  }
}

void Workload::set_exited(int wait_status) {
  if (wait_status_ || end_) {
    return;
  }
  const auto self = shared_from_this();  // on_end_ may let go of this
  wait_status_ = wait_status;
  check_end();
  if (end_) {
    return;
  }
  // A stream may come up after the report of the exit; one that never does has no output.
  stream_timer_.start(kStreamGrace, [this] {
    const auto kept = shared_from_this();
    for (Channel& channel : channels_) {
      channel.done = channel.done || !channel.stream;
    }
    check_end();
  });
}

void Workload::check_end() {
  if (wait_status_ && std::ranges::all_of(channels_, &Channel::done)) {
    fail(code_of(*wait_status_), {});
  }
}

void Workload::fail(int code, std::string error) {
  if (end_) {
    return;
  }
  const auto self = shared_from_this();
  end_ = WorkloadEnd{code, std::move(error)};
  stream_timer_.cancel();
  for (Channel& channel : channels_) {
    channel.stream.reset();
    channel.done = true;
  }
  for (Listener* listener : std::vector(listeners_.begin(), listeners_.end())) {
    listener->on_end(end_->code, end_->error);
  }
  on_end_(*end_);
}

void Workload::attach(Listener& listener) {
  if (end_) {
    return listener.on_end(end_->code, end_->error);
  }
  listeners_.insert(&listener);
}

void Workload::detach(Listener& listener) {
  listeners_.erase(&listener);
  listener_has_room();
}

}  // namespace bothy::run
