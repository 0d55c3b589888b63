// Acceptor: hands over each client of a listening unix socket as it comes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/unique_fd.h"
#include "base/unix_listener.h"

namespace bothy {

// The executor's alone. A client that can't be taken, for want of descriptors, waits a little: its
// listener is always ready, and would keep the executor from all else.
class Acceptor {
 public:
  using OnClient = std::function<void(UniqueFd)>;

  Acceptor(boost::asio::io_context& executor, UnixListener listener, OnClient on_client);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor();  // no client comes after it

 private:
  struct Watch;

  std::shared_ptr<Watch> watch_;
};

}  // namespace bothy
