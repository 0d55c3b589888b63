// ConsolePort: one port of a console device: its receive queue, its transmit queue, and the sink
// and the source of bytes on the host.
#pragma once

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

struct ConsolePortSpec {
  std::string name;               // shown to the guest; empty: none
  bool is_console = true;         // a terminal of the guest (hvcN), or a plain port
  bool open = true;               // a client is connected on the host from the start
  CharacterSink* sink = nullptr;  // outlives the port
};

// Bytes from the guest go from its buffers to the sink; bytes that the sink has no room for stay in
// the queue, so that only the guest waits. Bytes from the host go into the guest's buffers; without
// buffers the sender keeps them. The port itself buffers nothing.
//
// receive() and set_room_hook() may be called on any thread, the others on the device's executor.
class ConsolePort final : public CharacterReceiver {
 public:
  ConsolePort(boost::asio::io_context& executor, ConsolePortSpec spec);
  ~ConsolePort() override;

  [[nodiscard]] const ConsolePortSpec& spec() const noexcept { return spec_; }

  struct Run {
    bool guest_open = true;                 // until set_guest_open()
    std::function<void()> on_request_sent;  // called after each request of the guest
    // Called by receive(), on its thread and under the port's lock, when there is input for a guest
    // that hasn't opened the port. Must not call the port.
    std::function<void()> on_input_held_back = {};
  };
  // A queue that the driver left out is never served.
  void start(ActiveQueue to_guest, ActiveQueue from_guest, DriverLink& link, Run run);
  struct States {
    QueueState to_guest;
    QueueState from_guest;
  };
  // Sends what the sink has room for. A request that is sent in part is completed, others stay in
  // their queue.
  States stop() noexcept;
  // The guest has opened or closed the port (virtio 1.2, 5.3.6.2, VIRTIO_CONSOLE_PORT_OPEN). A
  // closed port takes no input.
  void set_guest_open(bool open) noexcept;

  [[nodiscard]] std::size_t receive(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;

 private:
  enum class Progress { kIdle, kBusy, kStalled };

  void transmit();
  Progress send_burst();
  [[nodiscard]] std::size_t fill_buffers(std::span<const std::byte> bytes);
  // Calls the room hook if a receive() has left bytes over. Under the lock.
  void call_room_hook();

  boost::asio::io_context& executor_;
  const ConsolePortSpec spec_;

  // From the guest; used on the executor only.
  std::unique_ptr<Queue> from_guest_;
  std::uint16_t from_guest_index_ = 0;
  std::optional<Doorbell> from_guest_doorbell_;
  std::optional<Chain> chain_;  // the request being sent
  Reader unsent_;               // the part of it that isn't sent yet
  std::function<void()> on_request_sent_;
  DriverLink* link_ = nullptr;

  // To the guest.
  std::optional<Doorbell> to_guest_doorbell_;  // used on the executor only
  std::mutex mutex_;                           // guards the members below
  std::unique_ptr<Queue> to_guest_;
  std::uint16_t to_guest_index_ = 0;
  bool guest_open_ = false;
  bool room_wanted_ = false;
  std::function<void()> on_input_held_back_;
  std::function<void()> room_hook_;
};

}  // namespace bothy::virtio
