// Doorbell: calls a function on an executor when a queue's driver kicks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "base/event_fd.h"

namespace bothy::virtio {

// Created, used and destroyed on the executor; no call follows its destruction. Kicks that arrive
// before one is served count as one.
class Doorbell {
 public:
  // `kick` outlives this object.
  Doorbell(boost::asio::io_context& executor, const EventFd& kick, std::function<void()> on_kick);
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;
  ~Doorbell();

 private:
  void wait();

  const EventFd& kick_;
  const std::function<void()> on_kick_;
  boost::asio::posix::stream_descriptor descriptor_;
  // Tells handlers in flight that this object is destroyed.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace bothy::virtio
