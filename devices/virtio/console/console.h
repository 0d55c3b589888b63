// Console: the console device (virtio 1.2, 5.3): terminals and byte channels of the guest.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/timer.h"
#include "devices/virtio/console/control.h"
#include "devices/virtio/console/port.h"
#include "devices/virtio/device.h"

namespace bothy::virtio {

// A single unnamed console port needs no control queues: the guest has its terminal as soon as it
// has the device, and takes the size from the config space. All else needs
// VIRTIO_CONSOLE_F_MULTIPORT; a driver without that feature gets port 0 only.
//
// Linux discards input until its probe of the device is complete, and without control queues the
// device isn't notified of that. But Linux answers a config change notification only then. So the
// device holds early input back, sends a config change notification, and delivers the input once
// the driver has read the config space. For a driver that never reads it there is a timeout.
class Console final : public Device {
 public:
  static constexpr std::size_t kMaxPorts = 16;
  static constexpr std::chrono::milliseconds kEarlyInputTimeout{1000};

  // `ports`: 1 to kMaxPorts. The executor and the ports' sinks outlive the device.
  // `early_input_timeout`: how long input is held back at most, for a driver that doesn't read the
  // config space.
  Console(boost::asio::io_context& executor, std::vector<ConsolePortSpec> ports,
          ConsoleSize size = {},
          std::chrono::milliseconds early_input_timeout = kEarlyInputTimeout);
  ~Console() override;

  // Takes the host's input for a port. Lives as long as the device.
  [[nodiscard]] CharacterReceiver& port(std::size_t index) noexcept { return *ports_.at(index); }

  [[nodiscard]] std::size_t port_count() const noexcept { return ports_.size(); }

  // Any thread, while the executor exists. The guest's terminal has another size; a client of a
  // port has connected or disconnected.
  void resize(ConsoleSize size);
  void set_open(std::size_t port, bool open);

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kConsole; }
  [[nodiscard]] std::uint64_t features() const noexcept override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  // VIRTIO_CONSOLE_F_EMERG_WRITE (5.3.4): a character to port 0, even without a driver.
  void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override;
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

 private:
  void on_request_sent();
  void on_input_held_back();
  void notify_of_input();
  void deliver_input();
  void announce_size();
  [[nodiscard]] ConsoleSize size() const noexcept;

  boost::asio::io_context& executor_;
  std::atomic<std::uint32_t> size_;  // a ConsoleSize: columns in the low half, rows in the high one
  std::vector<std::unique_ptr<ConsolePort>> ports_;
  std::optional<ConsoleControl> control_;  // with MULTIPORT only
  std::vector<std::uint16_t> queue_sizes_;

  // A config change notification was sent, and the driver has not read the config space since.
  std::atomic<bool> config_read_awaited_ = false;
  const std::chrono::milliseconds early_input_timeout_;

  // Used on the executor only.
  Timer timer_;
  bool holding_input_ = false;
  DriverLink* link_ = nullptr;  // null: idle
  bool multiport_ = false;      // negotiated
  std::uint32_t requests_sent_ = 0;
};

}  // namespace bothy::virtio
