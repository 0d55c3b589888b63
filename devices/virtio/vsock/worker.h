// VsockWorker: moves packets between the queues of a socket device and its muxer, for one run.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "devices/virtio/device.h"
#include "devices/virtio/transport/doorbell.h"
#include "devices/virtio/vsock/muxer.h"

namespace bothy::virtio {

// All functions run on the executor. Work is done in turns of a bounded length, so that neither a
// guest that never stops sending nor a busy socket starves other devices.
class VsockWorker {
 public:
  // All but the queues outlives it.
  VsockWorker(boost::asio::io_context& executor, std::vector<ActiveQueue> queues, DriverLink& link,
              std::uint64_t guest_cid, std::size_t most_connections, UnixPorts& ports,
              PollSet& poll);
  VsockWorker(const VsockWorker&) = delete;
  VsockWorker& operator=(const VsockWorker&) = delete;
  ~VsockWorker();

  // Closes every connection. Nothing is served after that.
  std::vector<QueueState> stop() noexcept;

  // Closes every connection, and tells the driver that none is left (virtio 1.2, 5.10.6.7).
  void reset_transport() noexcept;

 private:
  struct Lane {
    std::unique_ptr<Queue> queue;
    std::uint16_t index = 0;
    std::optional<Doorbell> doorbell;
  };

  void open(Lane& lane, ActiveQueue active);
  void wait_for_sockets();
  void turn();
  // Each true when there is more to do at once.
  [[nodiscard]] bool serve_transmit();
  [[nodiscard]] bool serve_receive();
  [[nodiscard]] bool serve_events();
  [[nodiscard]] bool signal_and_judge(Lane& lane);
  void park(const std::string& why);

  boost::asio::io_context& executor_;
  DriverLink& link_;
  PollSet& poll_;
  VsockMuxer muxer_;
  // Handlers that are under way when this goes find it gone by this.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Lane receive_;
  Lane transmit_;
  Lane events_;
  boost::asio::posix::stream_descriptor sockets_;
  std::optional<Chain> spare_;  // a buffer of the guest's that nothing came for yet
  bool turn_posted_ = false;
  bool reset_due_ = false;
};

}  // namespace bothy::virtio
