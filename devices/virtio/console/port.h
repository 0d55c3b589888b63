// ConsolePort: one port of a virtio console: a queue each way, and the host's end of it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "devices/character.h"
#include "devices/virtio/device.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

// What a port is for.
struct ConsolePortSpec {
  std::string name;               // as the guest finds it; empty: it has none
  bool is_console = true;         // a terminal of the guest (hvcN), or a plain port
  bool open = true;               // somebody is at the host's end from the start
  CharacterSink* sink = nullptr;  // outlives the port
};

// What the guest sends goes from its buffers to the sink; what the sink has no room for stays where
// it is, so the guest waits and nobody else does. What the host sends goes into the guest's
// buffers; without any the sender keeps it. Nothing is held in between.
//
// receive() and set_room_hook() come from any thread, all else from the device's executor.
class ConsolePort final : public CharacterReceiver {
 public:
  ConsolePort(boost::asio::io_context& executor, ConsolePortSpec spec);
  ~ConsolePort() override;

  [[nodiscard]] const ConsolePortSpec& spec() const noexcept { return spec_; }

  struct Run {
    bool guest_open = true;         // it takes input before set_guest_open()
    std::function<void()> on_sent;  // called after each of the guest's requests
    // Called by receive(), on its thread, when there is input for a guest that hasn't opened its
    // end. Must not call back.
    std::function<void()> on_held = {};
  };
  // A queue that the driver left out is never served.
  void start(ActiveQueue to_guest, ActiveQueue from_guest, DriverLink& link, Run run);
  struct States {
    QueueState to_guest;
    QueueState from_guest;
  };
  // Sends on what the guest has sent as far as the sink takes it. A request that is sent in part
  // is given up, any other stays in its queue.
  States stop() noexcept;
  // The guest has opened or closed its end (virtio 1.2, 5.3.6.2, VIRTIO_CONSOLE_PORT_OPEN): input
  // that comes meanwhile is left to its sender.
  void set_guest_open(bool open) noexcept;

  [[nodiscard]] std::size_t receive(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;

 private:
  enum class Progress { kIdle, kBusy, kStalled };

  void transmit();
  Progress send_burst();
  [[nodiscard]] std::size_t fill_buffers(std::span<const std::byte> bytes);
  void offer_room();
  void later();

  boost::asio::io_context& executor_;
  const ConsolePortSpec spec_;

  // From the guest: the executor's alone.
  std::unique_ptr<Queue> from_guest_;
  std::uint16_t from_guest_index_ = 0;
  std::optional<Doorbell> from_guest_bell_;
  std::optional<Chain> chain_;  // popped, and not sent as a whole
  Reader unsent_;               // what of it isn't
  std::function<void()> on_sent_;
  std::shared_ptr<bool> alive_;            // false for tasks of a run that is over
  std::atomic<bool> turn_posted_ = false;  // any thread's: a sink's room hook posts too
  DriverLink* link_ = nullptr;

  // To the guest.
  std::optional<Doorbell> to_guest_bell_;  // the executor's
  std::mutex mutex_;                       // guards what follows
  std::unique_ptr<Queue> to_guest_;
  std::uint16_t to_guest_index_ = 0;
  bool guest_open_ = false;
  bool room_wanted_ = false;
  std::function<void()> on_held_;
  std::function<void()> room_hook_;
};

}  // namespace bothy::virtio
