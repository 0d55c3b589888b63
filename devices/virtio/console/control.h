// ConsoleControl: the control queues of a console device with ports (virtio 1.2, 5.3.6.2).
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "devices/character.h"
#include "devices/virtio/device.h"
#include "devices/virtio/queue/queue_worker.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

// Messages that wait for a buffer of the driver are a set per port and not a list, so that a guest
// can't make their number grow: only the latest message of a kind is kept. All functions run on the
// device's executor.
class ConsoleControl {
 public:
  struct Port {
    std::string name;
    bool is_console = true;
    bool open = true;  // a client is connected on the host
  };
  using GuestOpen = std::function<void(std::uint32_t port, bool open)>;

  // `on_guest_open` is called when the guest opens or closes an existing port.
  ConsoleControl(boost::asio::io_context& executor, std::vector<Port> ports,
                 GuestOpen on_guest_open);

  void start(ActiveQueue to_driver, ActiveQueue from_driver, DriverLink& link);
  struct States {
    QueueState to_driver;
    QueueState from_driver;
  };
  // Every port is reset to its state before the first start().
  States stop() noexcept;

  // Running or not. The driver is notified if it has the port.
  void set_open(std::uint32_t port, bool open);
  void set_size(ConsoleSize size);

 private:
  // In the order in which the messages of a port are sent.
  enum Message : unsigned {
    kAdd = 1,
    kConsole = 2,
    kName = 4,
    kResize = 8,
    kClose = 16,
    kOpen = 32
  };

  struct PortState {
    Port port;
    bool ready = false;          // the driver has sent PORT_READY
    bool reported_open = false;  // by the last PORT_OPEN sent
    unsigned pending = 0;        // a set of Message
  };

  void serve(Chain chain);
  void on_port_ready(PortState& state, bool ready);
  void send_all_pending();
  // False when the driver has no buffer for the next message.
  [[nodiscard]] bool send_pending(std::uint32_t id, PortState& state);
  [[nodiscard]] std::vector<std::byte> compose(std::uint32_t id, const PortState& state,
                                               Message message) const;

  boost::asio::io_context& executor_;
  const GuestOpen on_guest_open_;
  std::vector<PortState> ports_;
  ConsoleSize size_;
  LogLimiter limiter_;

  std::unique_ptr<Queue> to_driver_;
  std::uint16_t to_driver_index_ = 0;
  std::optional<Doorbell> to_driver_doorbell_;
  std::unique_ptr<QueueWorker> from_driver_;
  DriverLink* link_ = nullptr;
};

}  // namespace bothy::virtio
