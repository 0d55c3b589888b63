// NetQueuePair: a receive and a transmit queue of a network device, and the thread that serves
// them.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "base/event_fd.h"
#include "base/unique_fd.h"
#include "base/worker_thread.h"
#include "devices/virtio/device.h"
#include "devices/virtio/net/receiver.h"
#include "devices/virtio/net/transmitter.h"

namespace bothy::virtio {

struct NetDirection {
  NetRateLimit* limit = nullptr;
  NetCounters* counters = nullptr;
};

struct NetPairSettings {
  bool mergeable = false;
  std::size_t expected = 0;  // see NetReceiver
  NetDirection receive;
  NetDirection transmit;
  std::function<void()> on_disconnect;  // called once on the pair's thread when the backend closes
};

//   start() -> [using its port, or not] -- stop()
//
// All functions are called by the owner, on one thread. Notifications and the port are watched
// edge-triggered, so that a notification costs no system call besides the wait that it ends.
class NetQueuePair {
 public:
  // Queues that the driver left out are null. The thread, which has no task, the port, the link and
  // the pointers in the settings outlive the pair. On return the thread runs, and uses the port if
  // `use_port`.
  [[nodiscard]] static Result<std::unique_ptr<NetQueuePair>> start(
      WorkerThread& thread, ActiveQueue receive, ActiveQueue transmit, PacketPort& port,
      DriverLink& link, NetPairSettings settings, bool use_port);
  NetQueuePair(const NetQueuePair&) = delete;
  NetQueuePair& operator=(const NetQueuePair&) = delete;
  ~NetQueuePair();

  // Whether packets are sent to and received from the port. Returns when the thread has applied it.
  void use_port(bool use) noexcept;

  // Ends the thread's task. Returns the states of the receive and the transmit queue.
  [[nodiscard]] std::array<QueueState, 2> stop() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  NetQueuePair(ActiveQueue receive, ActiveQueue transmit, PacketPort& port, DriverLink& link,
               NetPairSettings settings);

  [[nodiscard]] Result<void> watch(int fd, std::uint32_t source) noexcept;
  void loop() noexcept;
  // One turn of each direction. True when there is more to do at once.
  [[nodiscard]] bool turn() noexcept;
  [[nodiscard]] bool transmit(Clock::time_point now) noexcept;
  [[nodiscard]] bool receive(Clock::time_point now) noexcept;
  void wait(bool busy) noexcept;
  // Milliseconds until the deadline; -1 without one.
  [[nodiscard]] int timeout() const noexcept;
  void apply_request() noexcept;
  void update_watched_events() noexcept;
  void disconnect() noexcept;
  void park(const std::string& why) noexcept;
  void note_deadline(const NetProgress& progress) noexcept;

  PacketPort& port_;
  DriverLink& link_;
  const NetPairSettings settings_;
  const std::uint16_t receive_index_;
  const std::uint16_t transmit_index_;
  UniqueFd epoll_;
  std::unique_ptr<EventFd> wake_;
  WorkerThread* thread_ = nullptr;  // while it runs loop()

  // The owner's last request, and what the thread has applied.
  std::mutex mutex_;
  std::condition_variable applied_;
  bool requested_port_ = false;
  bool applied_port_ = false;
  std::atomic<bool> request_pending_{false};
  std::atomic<bool> stopping_{false};

  // Used by the thread only.
  std::unique_ptr<NetReceiver> receiver_;        // null: the driver left the queue out
  std::unique_ptr<NetTransmitter> transmitter_;  // likewise
  bool using_port_ = false;
  bool disconnected_ = false;
  bool reset_requested_ = false;
  bool port_readable_ = false;        // and not found empty since
  bool receive_blocked_ = false;      // until there are buffers, or the rate limit allows it
  bool transmit_blocked_ = false;     // until the port has room
  bool rearm_ = false;                // watch for room again, though already watched
  std::uint32_t watched_events_ = 0;  // of the port; 0: it is not in the epoll set
  std::optional<Clock::time_point> deadline_;
};

}  // namespace bothy::virtio
