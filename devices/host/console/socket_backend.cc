#include "devices/host/console/socket_backend.h"

#include <chrono>
#include <utility>

namespace bothy {
namespace {

constexpr std::chrono::milliseconds kPause{100};

}  // namespace

Result<std::unique_ptr<SocketBackend>> SocketBackend::create(boost::asio::io_context& executor,
                                                             const std::string& what,
                                                             const std::string& path,
                                                             Unattended unattended) {
  BOTHY_TRY(UnixListener listener, UnixListener::bind(what, path));
  std::unique_ptr<SocketBackend> backend(
      new SocketBackend(executor, std::move(listener), unattended));
  BOTHY_TRY(backend->watch_.borrow(backend->listener_.fd()));
  return backend;
}

SocketBackend::SocketBackend(boost::asio::io_context& executor, UnixListener listener,
                             Unattended unattended)
    : listener_(std::move(listener)),
      watch_(executor),
      timer_(executor),
      stream_(executor, unattended) {}

void SocketBackend::serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer) {
  stream_.serve(receiver, std::move(on_peer), [this] { wait_for_client(); });
  watch_.post([this] { wait_for_client(); });
}

void SocketBackend::wait_for_client() {
  watch_.wait(FdWatch::Event::kReadable, [this] { accept(); });
}

void SocketBackend::accept() {
  if (UniqueFd client = listener_.accept()) {
    stream_.attach(std::move(client));
    return;
  }
  // The client has left, or there is no descriptor for it and it still waits.
  timer_.start(kPause, [this] { wait_for_client(); });
}

}  // namespace bothy
