// QueueWorker: serves one queue on an executor, one request after another, for devices that answer
// without waiting.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "devices/virtio/device.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

// All functions run on the executor. Between two bursts other work of the executor runs, so that a
// driver with endless requests does not starve other devices.
class QueueWorker {
 public:
  using Serve = std::function<void(Chain)>;

  // A queue that the driver has not set up is never served.
  QueueWorker(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link, Serve serve);
  QueueWorker(const QueueWorker&) = delete;
  QueueWorker& operator=(const QueueWorker&) = delete;

  // No request is served afterwards.
  QueueState stop() noexcept;

 private:
  void run();

  std::unique_ptr<Queue> queue_;
  DriverLink& link_;
  const Serve serve_;
  const std::uint16_t index_;
  std::optional<Doorbell> doorbell_;
};

}  // namespace bothy::virtio
