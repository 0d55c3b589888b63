#include "run/workload.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace bothy::run {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kMostInput = 256 * 1024;
constexpr std::chrono::milliseconds kPatience{500};

int code_of(int wait_status) noexcept {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

Workload::Workload(boost::asio::io_context& executor, Setup setup, OnEnd on_end)
    : executor_(executor), setup_(setup), on_end_(std::move(on_end)), patience_(executor) {
  channels_[0].done = !setup_.terminal;  // nothing is read from a stdin
  channels_[1].done = setup_.terminal || !setup_.output;
  channels_[2].done = setup_.terminal || !setup_.error;
}

void Workload::set_stream(const agent::Opening& opening, UniqueFd fd) {
  const std::uint32_t index = opening.value;
  const std::array expected{setup_.terminal || setup_.input, !setup_.terminal && setup_.output,
                            !setup_.terminal && setup_.error};
  if (index > 2 || !expected.at(index) || opening.token != setup_.token ||
      channels_.at(index).socket || end_) {
    return;
  }
  Channel& channel = channels_.at(index);
  channel.socket.emplace(executor_, fd.release());
  channel.buffer.resize(kPiece);
  if (!channel.done) {
    read(index);
  }
  if (index == 0) {
    write();
  }
}

bool Workload::is_blocked() const {
  return !hurried_ &&
         std::ranges::any_of(listeners_, [](const Listener* each) { return each->is_full(); });
}

void Workload::read(std::size_t index) {
  Channel& channel = channels_.at(index);
  if (channel.reading || channel.done || !channel.socket || is_blocked()) {
    return;
  }
  channel.reading = true;
  channel.socket->async_read_some(
      boost::asio::buffer(channel.buffer),
      [self = shared_from_this(), index](const boost::system::error_code& error,
                                         std::size_t count) {
        Channel& from = self->channels_.at(index);
        from.reading = false;
        if (error) {
          from.done = true;
          return self->check_end();
        }
        const auto bytes = std::span<const std::byte>(from.buffer).first(count);
        const Stream stream = index == 2 ? Stream::kError : Stream::kOutput;
        if (self->setup_.log != nullptr) {
          self->setup_.log->append(stream, bytes);
        }
        for (Listener* listener : std::vector(self->listeners_.begin(), self->listeners_.end())) {
          if (!self->hurried_ || !listener->is_full()) {
            listener->on_output(stream, bytes);
          }
        }
        self->read(index);
      });
}

void Workload::hurry() {
  hurried_ = true;
  listener_has_room();
}

void Workload::listener_has_room() {
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    read(i);
  }
}

bool Workload::input(std::span<const std::byte> bytes) {
  if (!setup_.input || input_ended_ || end_) {
    return true;
  }
  incoming_.insert(incoming_.end(), bytes.begin(), bytes.end());
  write();
  input_full_ = incoming_.size() > kMostInput;
  return !input_full_;
}

void Workload::end_input() {
  input_ended_ = true;
  write();
}

void Workload::write() {
  auto& socket = channels_[0].socket;
  if (!socket || !writing_.empty()) {
    return;
  }
  if (incoming_.empty()) {
    // A terminal has no end of input but the one that is typed.
    if (input_ended_ && !setup_.terminal) {
      ::shutdown(socket->native_handle(), SHUT_WR);
    }
    return;
  }
  writing_ = std::exchange(incoming_, {});
  boost::asio::async_write(
      *socket, boost::asio::buffer(writing_),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
        self->writing_.clear();
        if (error) {
          self->input_ended_ = true;  // it reads no more
          self->incoming_.clear();
        }
        if (std::exchange(self->input_full_, false)) {
          for (Listener* listener : std::vector(self->listeners_.begin(), self->listeners_.end())) {
            listener->on_input_room();
          }
        }
        self->write();
      });
}

void Workload::set_exited(int wait_status) {
  if (wait_status_ || end_) {
    return;
  }
  const auto self = shared_from_this();  // whoever is told of the end lets go of it
  wait_status_ = wait_status;
  check_end();
  if (end_) {
    return;
  }
  // A stream that is up, but whose first words are still on their way here, has them soon; one
  // that never came has nothing to say.
  patience_.expires_after(kPatience);
  patience_.async_wait([self](const boost::system::error_code& error) {
    if (!error) {
      for (Channel& channel : self->channels_) {
        channel.done = channel.done || !channel.socket;
      }
      self->check_end();
    }
  });
}

void Workload::check_end() {
  if (wait_status_ && std::ranges::all_of(channels_, &Channel::done)) {
    fail(code_of(*wait_status_), {});
  }
}

void Workload::fail(int code, std::string words) {
  if (end_) {
    return;
  }
  const auto self = shared_from_this();
  end_ = WorkloadEnd{code, std::move(words)};
  patience_.cancel();
  for (Channel& channel : channels_) {
    channel.socket.reset();
    channel.done = true;
  }
  for (Listener* listener : std::vector(listeners_.begin(), listeners_.end())) {
    listener->on_end(end_->code, end_->words);
  }
  on_end_(*end_);
}

void Workload::attach(Listener& listener) {
  if (end_) {
    return listener.on_end(end_->code, end_->words);
  }
  listeners_.insert(&listener);
}

void Workload::detach(Listener& listener) {
  listeners_.erase(&listener);
  listener_has_room();
}

}  // namespace bothy::run
