// Console: the console device (virtio 1.2, 5.3): terminals and byte channels of the guest.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "devices/virtio/console/control.h"
#include "devices/virtio/console/port.h"
#include "devices/virtio/device.h"

namespace bothy::virtio {

// One console port without a name needs no control queues: the guest has its terminal as soon as it
// has the device, and its size from the configuration space. Anything else takes
// VIRTIO_CONSOLE_F_MULTIPORT; a driver without that gets port 0 alone.
//
// Linux throws input away until its probe of the device is done, and without control queues nothing
// tells when that is. But only then does it look at a configuration that has changed: so it is told
// that it has, once there is input, and gets the input when it has looked. A driver that never
// looks gets it kPatience later.
class Console final : public Device {
 public:
  static constexpr std::size_t kMaxPorts = 16;
  static constexpr std::chrono::milliseconds kPatience{1000};

  // `ports`: 1 to kMaxPorts. The context is the device's executor; the ports' sinks outlive the
  // device.
  Console(boost::asio::io_context& executor, std::vector<ConsolePortSpec> ports,
          ConsoleSize size = {}, std::chrono::milliseconds patience = kPatience);
  ~Console() override;

  // The host's end of a port: where its input goes. As long-lived as the device.
  [[nodiscard]] CharacterReceiver& port(std::size_t index) noexcept { return *ports_.at(index); }

  // Any thread, at any time, as long as the executor is there: the guest's terminals have another
  // size; somebody came to the host's end of a port, or left it.
  void resize(ConsoleSize size);
  void set_open(std::size_t port, bool open);

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kConsole; }
  [[nodiscard]] std::uint64_t features() const noexcept override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  // VIRTIO_CONSOLE_F_EMERG_WRITE (5.3.4): a character to port 0, driver or no driver.
  void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override;
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

 private:
  void on_sent();
  void on_held();
  void ask_driver();
  void open_input();
  void announce_size();
  [[nodiscard]] ConsoleSize size() const noexcept;

  boost::asio::io_context& executor_;
  std::atomic<std::uint32_t> size_;  // a ConsoleSize: columns in the low half, rows in the high one
  std::vector<std::unique_ptr<ConsolePort>> ports_;
  std::optional<ConsoleControl> control_;  // of a device with MULTIPORT
  std::vector<std::uint16_t> queue_sizes_;

  std::atomic<bool> looked_for_ = false;  // the driver was told to look at its configuration
  const std::chrono::milliseconds patience_;

  // The executor's alone.
  boost::asio::steady_timer timer_;  // patience ends
  bool holding_ = false;             // the driver may not take input yet
  DriverLink* link_ = nullptr;       // null: idle
  bool multiport_ = false;           // the driver takes it
  std::uint32_t sent_ = 0;
};

}  // namespace bothy::virtio
