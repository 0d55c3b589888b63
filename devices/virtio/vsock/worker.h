// VsockWorker: moves packets between the queues of a socket device and its muxer while the device
// runs.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd_watch.h"
#include "devices/virtio/device.h"
#include "devices/virtio/transport/doorbell.h"
#include "devices/virtio/vsock/muxer.h"

namespace bothy::virtio {

// All functions run on the executor. Work is done in turns of a bounded size, so that neither a
// guest that sends without end nor a busy socket starves other devices.
class VsockWorker {
 public:
  // All arguments but the queues outlive the worker.
  VsockWorker(boost::asio::io_context& executor, std::vector<ActiveQueue> queues, DriverLink& link,
              std::uint64_t guest_cid, std::size_t max_connections, UnixPorts& ports,
              PollSet& poll);
  VsockWorker(const VsockWorker&) = delete;
  VsockWorker& operator=(const VsockWorker&) = delete;

  // Closes every connection. No queue is served after that.
  std::vector<QueueState> stop() noexcept;

  // Closes every connection, and sends the driver a transport reset event (virtio 1.2, 5.10.6.7).
  void reset_transport() noexcept;

 private:
  struct ServedQueue {
    std::unique_ptr<Queue> queue;
    std::uint16_t index = 0;
    std::optional<Doorbell> doorbell;
  };

  void open(ServedQueue& served, ActiveQueue active);
  void wait_for_sockets();
  void run_turn();
  // Each returns true when there is more to do at once.
  [[nodiscard]] bool serve_transmit();
  [[nodiscard]] bool serve_receive();
  [[nodiscard]] bool serve_events();
  [[nodiscard]] bool signal_or_park(ServedQueue& served);
  void park(const std::string& why);

  boost::asio::io_context& executor_;
  DriverLink& link_;
  PollSet& poll_;
  VsockMuxer muxer_;
  ServedQueue receive_;
  ServedQueue transmit_;
  ServedQueue events_;
  FdWatch sockets_;
  std::optional<Chain> receive_chain_;  // a receive buffer that no packet is in yet
  bool running_ = true;                 // neither stopped nor parked
  bool turn_posted_ = false;
  bool reset_due_ = false;
};

}  // namespace bothy::virtio
