// QueueWorker: serves one queue on an executor, a request at a time, for devices that answer at
// once.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "devices/virtio/device.h"

namespace bothy::virtio {

// All functions run on the executor. Between two bursts it lets other work of the executor through,
// so that a driver that never stops asking starves nobody.
class QueueWorker {
 public:
  using Serve = std::function<void(Chain)>;

  // A queue that the driver left out is never served.
  QueueWorker(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link, Serve serve);
  QueueWorker(const QueueWorker&) = delete;
  QueueWorker& operator=(const QueueWorker&) = delete;
  ~QueueWorker();

  // No request is served after that.
  QueueState stop() noexcept;

 private:
  void wait();
  void run();

  std::unique_ptr<Queue> queue_;
  DriverLink& link_;
  const Serve serve_;
  boost::asio::posix::stream_descriptor kick_;
  // Handlers that are under way when this goes find it gone by this.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  const EventFd* event_ = nullptr;
  const std::uint16_t index_;
};

}  // namespace bothy::virtio
