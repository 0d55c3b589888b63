// NetQueuePair: a receive and a transmit queue of a network device, and the thread that serves
// both.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/event_fd.h"
#include "base/unique_fd.h"
#include "devices/virtio/device.h"
#include "devices/virtio/net/receiver.h"
#include "devices/virtio/net/transmitter.h"

namespace bothy::virtio {

// One direction of it.
struct NetDirection {
  TrafficLimit* limit = nullptr;
  TrafficCounters* counters = nullptr;
};

struct NetPairSettings {
  bool mergeable = false;
  std::size_t expected = 0;  // see NetReceiver
  NetDirection receive;
  NetDirection transmit;
  std::function<void()> on_gone;  // the backend is; on the pair's thread, once
};

//   start() -> [using its port, or not] -- stop()
//
// All functions are the owner's, from one thread. Doorbells and port are watched edge-triggered: a
// doorbell costs no system call but the wait that it ends.
class NetQueuePair {
 public:
  // The queues of the pair, null where the driver left them out. Port, link and settings' pointers
  // outlive it. The thread runs on return, and uses the port when `use_port`.
  [[nodiscard]] static Result<std::unique_ptr<NetQueuePair>> start(
      ActiveQueue receive, ActiveQueue transmit, PacketPort& port, DriverLink& link,
      NetPairSettings settings, bool use_port);
  NetQueuePair(const NetQueuePair&) = delete;
  NetQueuePair& operator=(const NetQueuePair&) = delete;
  ~NetQueuePair();

  // Whether packets go to and come from the port. Returns when the thread has heeded it.
  void use_port(bool use) noexcept;

  // Joins the thread. States of the receive and of the transmit queue.
  [[nodiscard]] std::array<QueueState, 2> stop() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  NetQueuePair(ActiveQueue receive, ActiveQueue transmit, PacketPort& port, DriverLink& link,
               NetPairSettings settings);

  [[nodiscard]] Result<void> watch(int fd, std::uint32_t source) noexcept;
  void loop() noexcept;
  // One turn of each direction; true when there is more to do at once.
  [[nodiscard]] bool turn() noexcept;
  [[nodiscard]] bool transmit(Clock::time_point now) noexcept;
  [[nodiscard]] bool receive(Clock::time_point now) noexcept;
  void wait(bool busy) noexcept;
  // Until the deadline, in milliseconds; -1 without one.
  [[nodiscard]] int timeout() const noexcept;
  void heed_owner() noexcept;
  void update_interest() noexcept;
  void lose_port() noexcept;
  void park(const std::string& why) noexcept;
  void note_deadline(const Progress& progress) noexcept;

  PacketPort& port_;
  DriverLink& link_;
  const NetPairSettings settings_;
  const std::uint16_t receive_index_;
  const std::uint16_t transmit_index_;
  UniqueFd epoll_;
  std::unique_ptr<EventFd> wake_;
  std::thread thread_;

  // What the owner wants, and what the thread has heeded.
  std::mutex mutex_;
  std::condition_variable heeded_;
  bool wanted_port_ = false;
  bool heeded_port_ = false;
  std::atomic<bool> asked_{false};
  std::atomic<bool> stopping_{false};

  // The thread's.
  std::unique_ptr<NetReceiver> receiver_;        // null when the driver left the queue out
  std::unique_ptr<NetTransmitter> transmitter_;  // likewise
  bool using_port_ = false;
  bool gone_ = false;
  bool parked_ = false;
  bool packets_there_ = false;  // the port has been readable since it was last empty
  bool receive_held_ = false;   // until the driver brings buffers, or the rate limit allows it
  bool transmit_held_ = false;  // until the port has room
  bool rearm_ = false;          // ask anew for that
  std::uint32_t interest_ = 0;  // what epoll watches the port for; 0: it doesn't
  std::optional<Clock::time_point> deadline_;
};

}  // namespace bothy::virtio
