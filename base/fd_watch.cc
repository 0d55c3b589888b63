#include "base/fd_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace bothy {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

constexpr std::uint32_t kBroken = EPOLLERR | EPOLLHUP;
constexpr std::array<std::uint32_t, 3> kEpollEvents{EPOLLIN, EPOLLOUT, EPOLLPRI};
constexpr std::array kWaitTypes{Descriptor::wait_read, Descriptor::wait_write,
                                Descriptor::wait_error};

constexpr std::size_t index_of(FdWatch::Event event) noexcept {
  return static_cast<std::size_t>(event);
}

}  // namespace

FdWatch::FdWatch(boost::asio::io_context& executor) : executor_(executor), descriptor_(executor) {}

FdWatch::~FdWatch() {
  close();
  lifetime_->ended = true;
}

template <class Function>
auto FdWatch::guarded(Function function) {
  return [lifetime = lifetime_, generation = lifetime_->generation,
          function](const boost::system::error_code& error = {}) {
    if (lifetime->generation == generation && error != boost::asio::error::operation_aborted) {
      function(error);
    }
  };
}

Result<void> FdWatch::own(UniqueFd fd) {
  BOTHY_TRY(attach(fd.get()));
  owned_ = std::move(fd);
  return success();
}

Result<void> FdWatch::borrow(int fd) {
  return attach(fd);
}

Result<void> FdWatch::attach(int fd) {
  close();
  const auto failed = [&](int error_number) {
    nested_.reset();
    return errno_error(fmt::format("can't watch descriptor {}", fd), error_number);
  };
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) {
    return failed(errno);
  }
  int watched = fd;
  if ((flags & O_NONBLOCK) == 0) {
    // Asio makes what it waits for non-blocking, for everybody who shares it.
    nested_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!nested_) {
      return failed(errno);
    }
    epoll_event none{};
    if (::epoll_ctl(nested_.get(), EPOLL_CTL_ADD, fd, &none) != 0) {
      if (errno != EPERM) {
        return failed(errno);
      }
      nested_.reset();
      always_ready_ = true;
    }
    watched = nested_.get();
  }
  if (!always_ready_) {
    boost::system::error_code error;
    descriptor_.assign(watched, error);
    if (error) {
      return failed(error.value());
    }
  }
  fd_ = fd;
  return success();
}

void FdWatch::close() noexcept {
  cancel();
  if (descriptor_.is_open()) {
    static_cast<void>(descriptor_.release());
  }
  nested_.reset();
  owned_.reset();
  fd_ = -1;
  always_ready_ = false;
}

void FdWatch::cancel() noexcept {
  ++lifetime_->generation;
  if (descriptor_.is_open()) {
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
  }
  nested_armed_ = false;
  armed_ = {};
  for (Callback& callback : callbacks_) {
    callback = nullptr;
  }
}

bool FdWatch::is_waiting(Event event) const noexcept {
  return callbacks_[index_of(event)] != nullptr;
}

void FdWatch::wait(Event event, Callback callback) {
  if (!is_open()) {
    return;
  }
  callbacks_[index_of(event)] = std::move(callback);
  if (nested_) {
    arm_nested();
  } else if (!std::exchange(armed_[index_of(event)], true)) {
    arm(event);
  }
}

void FdWatch::arm(Event event) {
  const auto ready = guarded([this, event](const boost::system::error_code& error) {
    // What epoll refuses can't block.
    always_ready_ |= error == boost::asio::error::operation_not_supported;
    armed_[index_of(event)] = false;
    on_ready(event);
  });
  if (always_ready_) {
    boost::asio::post(executor_, ready);
  } else {
    descriptor_.async_wait(kWaitTypes[index_of(event)], ready);
  }
}

void FdWatch::arm_nested() {
  epoll_event wanted{};
  for (std::size_t i = 0; i < kEvents; ++i) {
    wanted.events |= callbacks_[i] ? kEpollEvents[i] : 0U;
  }
  // Changing what is in the set already needs no memory.
  static_cast<void>(::epoll_ctl(nested_.get(), EPOLL_CTL_MOD, fd_, &wanted));
  if (!std::exchange(nested_armed_, true)) {
    descriptor_.async_wait(Descriptor::wait_read, guarded([this](const boost::system::error_code&) {
                             on_nested_ready();
                           }));
  }
}

void FdWatch::on_nested_ready() {
  nested_armed_ = false;
  epoll_event ready{};
  const int count = ::epoll_wait(nested_.get(), &ready, 1, 0);
  const std::uint64_t generation = lifetime_->generation;
  const auto lifetime = lifetime_;
  for (std::size_t i = 0; i < kEvents && count > 0; ++i) {
    if ((ready.events & (kEpollEvents[i] | kBroken)) != 0) {
      on_ready(static_cast<Event>(i));
      if (lifetime->generation != generation) {
        return;  // the callback has closed or destroyed this
      }
    }
  }
  for (const Callback& callback : callbacks_) {
    if (callback) {
      arm_nested();
      return;
    }
  }
}

// The callback may destroy this object.
void FdWatch::on_ready(Event event) {
  if (const Callback callback = std::exchange(callbacks_[index_of(event)], nullptr)) {
    callback();
  }
}

void FdWatch::post(Callback callback) {
  boost::asio::post(executor_, [lifetime = lifetime_, callback = std::move(callback)] {
    if (!lifetime->ended) {
      callback();
    }
  });
}

}  // namespace bothy
