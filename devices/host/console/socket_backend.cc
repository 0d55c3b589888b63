#include "devices/host/console/socket_backend.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace bothy {

Result<std::unique_ptr<SocketBackend>> SocketBackend::create(boost::asio::io_context& executor,
                                                             const std::string& what,
                                                             const std::string& path,
                                                             Unattended unattended) {
  BOTHY_TRY(UnixListener listener, UnixListener::bind(what, path));
  return std::unique_ptr<SocketBackend>(
      new SocketBackend(executor, std::move(listener), unattended));
}

SocketBackend::SocketBackend(boost::asio::io_context& executor, UnixListener listener,
                             Unattended unattended)
    : listener_(std::move(listener)),
      acceptor_(executor, listener_.fd()),
      timer_(executor),
      stream_(executor, unattended) {}

SocketBackend::~SocketBackend() {
  static_cast<void>(acceptor_.release());  // it is the listener's
}

void SocketBackend::serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer) {
  stream_.serve(receiver, std::move(on_peer), [this] { wait_for_client(); });
  boost::asio::post(acceptor_.get_executor(), [this] { wait_for_client(); });
}

void SocketBackend::wait_for_client() {
  acceptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this](const boost::system::error_code& error) {
                         if (error) {
                           return;
                         }
                         if (UniqueFd client = listener_.accept()) {
                           stream_.attach(std::move(client));
                         } else {
                           wait_a_while();
                         }
                       });
}

// The client has gone again, or there is no descriptor for it and it still waits.
void SocketBackend::wait_a_while() {
  constexpr std::chrono::milliseconds kWhile{100};
  timer_.expires_after(kWhile);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      wait_for_client();
    }
  });
}

}  // namespace bothy
