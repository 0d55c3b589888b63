// Vsock: the socket device (virtio 1.2, 5.10): the guest's vsock ports as unix sockets of the host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "devices/host/vsock/poll_set.h"
#include "devices/host/vsock/unix_ports.h"
#include "devices/virtio/device.h"
#include "devices/virtio/vsock/worker.h"

namespace bothy::virtio {

struct VsockConfig {
  // 0 to 2 and 0xffffffff are reserved (5.10.4).
  static constexpr std::uint32_t kFirstCid = 3;
  static constexpr std::uint32_t kLastCid = 0xfffffffe;

  std::string path;       // the unix socket; guests connect to the sockets at path + "_<port>"
  std::uint32_t cid = 3;  // the guest's context id, kFirstCid to kLastCid
};

// A client on the host connects to the path, sends "CONNECT <port>\n", receives "OK <port>\n", and
// has a stream to the program in the guest that listens on that port. A program in the guest that
// connects to a port of the host (CID 2) is connected to the socket at "<path>_<port>". Streams
// only.
class Vsock final : public Device {
 public:
  // Listens at the path; clients wait until the driver is ready. The executor outlives the device.
  // Raises this process's limit of open files, if permitted, to have room for the connections.
  [[nodiscard]] static Result<std::unique_ptr<Vsock>> create(const VsockConfig& config,
                                                             boost::asio::io_context& executor);

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kVsock; }
  [[nodiscard]] std::uint64_t features() const noexcept override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write_config(std::uint64_t, std::span<const std::byte>) noexcept override {}
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

  // Closes every connection and sends the driver a transport reset event. On the executor; no
  // effect while the device is idle.
  void reset_transport() noexcept;

 private:
  Vsock(std::uint64_t cid, boost::asio::io_context& executor, std::size_t max_connections,
        UnixPorts ports, PollSet poll)
      : cid_(cid),
        executor_(executor),
        max_connections_(max_connections),
        ports_(std::move(ports)),
        poll_(std::move(poll)) {}

  const std::uint64_t cid_;
  boost::asio::io_context& executor_;
  const std::size_t max_connections_;
  UnixPorts ports_;
  PollSet poll_;
  std::unique_ptr<VsockWorker> worker_;
};

}  // namespace bothy::virtio
