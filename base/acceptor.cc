#include "base/acceptor.h"

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

namespace bothy {
namespace {

constexpr std::chrono::milliseconds kPause{100};

}  // namespace

// Outlives the acceptor as long as one of its handlers is under way.
struct Acceptor::Watch : std::enable_shared_from_this<Watch> {
  Watch(boost::asio::io_context& executor, UnixListener from, OnClient hook)
      : listener(std::move(from)),
        ready(executor, ::dup(listener->fd())),
        pause(executor),
        on_client(std::move(hook)) {}

  void wait() {
    ready.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && self->listener) {
                         self->take();
                       }
                     });
  }

  void take() {
    errno = 0;
    UniqueFd client = listener->accept();
    if (!client && errno != EAGAIN) {
      pause.expires_after(kPause);
      pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (!error && self->listener) {
          self->wait();
        }
      });
      return;
    }
    wait();
    if (client) {
      on_client(std::move(client));
    }
  }

  std::optional<UnixListener> listener;  // none once the acceptor is gone
  boost::asio::posix::stream_descriptor ready;
  boost::asio::steady_timer pause;
  const OnClient on_client;
};

Acceptor::Acceptor(boost::asio::io_context& executor, UnixListener listener, OnClient on_client)
    : watch_(std::make_shared<Watch>(executor, std::move(listener), std::move(on_client))) {
  watch_->wait();
}

Acceptor::~Acceptor() {
  watch_->listener.reset();
  boost::system::error_code ignored;
  watch_->ready.close(ignored);
  watch_->pause.cancel();
}

}  // namespace bothy
