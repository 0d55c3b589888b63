// Doorbell: calls a function on an executor when a queue's driver kicks.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>

#include "base/event_fd.h"
#include "base/fd_watch.h"

namespace bothy::virtio {

// Created and destroyed on the executor; no call follows its destruction. Kicks that arrive before
// one is served count as one.
class Doorbell {
 public:
  // `kick` outlives this object.
  Doorbell(boost::asio::io_context& executor, const EventFd& kick, std::function<void()> on_kick);
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Any thread. Calls as if the driver had kicked, after the tasks that are due: for the rest of
  // work that is done in turns. Kicks until then count as this one.
  void call_again();

 private:
  void wait();

  const EventFd& kick_;
  const std::function<void()> on_kick_;
  std::atomic<bool> call_posted_ = false;
  FdWatch watch_;
};

}  // namespace bothy::virtio
