#include "base/acceptor.h"

#include <cerrno>
#include <chrono>
#include <utility>

namespace bothy {
namespace {

constexpr std::chrono::milliseconds kPause{100};

}  // namespace

Acceptor::Acceptor(boost::asio::io_context& executor, UnixListener listener, OnClient on_client)
    : listener_(std::move(listener)),
      on_client_(std::move(on_client)),
      watch_(executor),
      timer_(executor) {
  wait();
}

void Acceptor::wait() {
  // Borrowed, not duplicated: a duplicate would need close-on-exec of its own.
  if (!watch_.is_open() && !watch_.borrow(listener_.fd())) {
    pause();
    return;
  }
  watch_.wait(FdWatch::Event::kReadable, [this] { accept(); });
}

void Acceptor::accept() {
  errno = 0;
  UniqueFd client = listener_.accept();
  if (!client && errno != EAGAIN) {
    pause();
    return;
  }
  wait();
  if (client) {
    const OnClient on_client = on_client_;  // stays when the acceptor goes
    on_client(std::move(client));
  }
}

void Acceptor::pause() {
  timer_.start(kPause, [this] { wait(); });
}

}  // namespace bothy
