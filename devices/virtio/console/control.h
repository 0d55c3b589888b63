// ConsoleControl: the control queues of a virtio console with several ports (virtio 1.2, 5.3.6.2).
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

// What the device owes the driver is kept as a set for each port and not as a list, so no guest can
// make it grow: a message that waits for a buffer is the latest of its kind. All functions run on
// the device's executor.
class ConsoleControl {
 public:
  struct Port {
    std::string name;
    bool is_console = true;
    bool open = true;  // somebody is at the host's end
  };
  using GuestOpen = std::function<void(std::uint32_t port, bool open)>;

  // `on_guest_open` is called when the guest opens or closes a port that there is.
  ConsoleControl(boost::asio::io_context& executor, std::vector<Port> ports,
                 GuestOpen on_guest_open);

  void start(ActiveQueue to_driver, ActiveQueue from_driver, DriverLink& link);
  struct States {
    QueueState to_driver;
    QueueState from_driver;
  };
  // Every port is as before the first start.
  States stop() noexcept;

  // Whether it runs or not; the driver is told where it knows the port.
  void set_open(std::uint32_t port, bool open);
  void set_size(ConsoleSize size);

 private:
  // In the order in which a port's are sent.
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
    bool ready = false;      // the driver has it
    bool told_open = false;  // what the driver believes
    unsigned owed = 0;       // Messages
  };

  void serve(Chain chain);
  void on_port_ready(PortState& state, bool ready);
  void settle();
  [[nodiscard]] bool send_owed(std::uint32_t id, PortState& state);
  [[nodiscard]] std::vector<std::byte> compose(std::uint32_t id, const PortState& state,
                                               Message message) const;

  boost::asio::io_context& executor_;
  const GuestOpen on_guest_open_;
  std::vector<PortState> ports_;
  ConsoleSize size_;
  LogLimiter limiter_;

  std::unique_ptr<Queue> to_driver_;
  std::uint16_t to_driver_index_ = 0;
  std::optional<Doorbell> to_driver_bell_;
  std::unique_ptr<QueueWorker> from_driver_;
  DriverLink* link_ = nullptr;
};

}  // namespace bothy::virtio
