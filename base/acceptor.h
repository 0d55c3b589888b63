// Acceptor: hands over each client of a listening unix socket.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "base/fd_watch.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"

namespace bothy {

// Threads: as FdWatch. While a client can't be accepted for want of descriptors, accepting pauses:
// the listener stays readable, and would keep the executor busy.
class Acceptor {
 public:
  // The client's socket is non-blocking and close-on-exec. May destroy the acceptor.
  using OnClient = std::function<void(UniqueFd)>;

  Acceptor(boost::asio::io_context& executor, UnixListener listener, OnClient on_client);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor() = default;  // no client is handed over afterwards

 private:
  void wait();
  void accept();
  void pause();

  const UnixListener listener_;
  const OnClient on_client_;
  FdWatch watch_;
  Timer timer_;
};

}  // namespace bothy
