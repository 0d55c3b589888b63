// Fs: the file system device (virtio 1.2, 5.11), whose queues a vhost-user back end serves.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd_watch.h"
#include "devices/host/fs/virtiofsd.h"
#include "devices/host/vhost_user.h"
#include "devices/virtio/device.h"
#include "devices/virtio/queue/queue_worker.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

struct FsConfig {
  static constexpr std::size_t kMaxTagLength = 36;  // 5.11.4

  std::string tag;  // the guest mounts it by this: 1 to kMaxTagLength letters, digits and '._-'
  SharedDirectory directory;
};

[[nodiscard]] Result<void> validate(const FsConfig& config);

// While the device runs, only the back end accesses the rings: it gets their addresses, the
// driver's notifications, and a call eventfd. The call eventfd can't be the interrupt itself: a
// transport may have to record the cause of an interrupt before it is raised, so each call goes
// through the device's executor to DriverLink::signal_queue().
//
// When the back end ends or breaks the protocol, the device needs a reset. Linux's driver ignores
// that state, and its users would wait for ever, so pending and later requests are answered with
// ENOTCONN.
class Fs final : public Device {
 public:
  // `socket` is connected to the back end. `server` is null if the back end isn't a child process.
  // The memory must be shared (a memfd). The memory and the executor outlive the device.
  [[nodiscard]] static Result<std::unique_ptr<Fs>> create(const FsConfig& config, UniqueFd socket,
                                                          std::unique_ptr<Virtiofsd> server,
                                                          const GuestMemory& memory,
                                                          boost::asio::io_context& executor);
  ~Fs() override;

  // Negotiates with the back end, and waits for its start. Called once by the owner, before a
  // driver can use the device.
  [[nodiscard]] Result<void> connect();

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kFs; }
  [[nodiscard]] std::uint64_t features() const noexcept override { return 0; }
  [[nodiscard]] std::uint64_t ring_features() const noexcept override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write_config(std::uint64_t, std::span<const std::byte>) noexcept override {}
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

 private:
  // A queue while the device runs.
  struct ServedQueue {
    ActiveQueue active;
    bool handed_over = false;
    std::optional<Doorbell> call;           // from the back end
    std::unique_ptr<QueueWorker> fallback;  // answers requests without a back end
  };

  Fs(const FsConfig& config, const GuestMemory& memory, boost::asio::io_context& executor)
      : config_(config), memory_(memory), executor_(executor), watch_(executor) {}

  [[nodiscard]] Result<void> hand_over(std::uint64_t features);
  void watch();
  // The back end has ended or must not be used any more.
  void fail(const std::string& why);
  void take_back(std::span<VhostRingPosition> rings) noexcept;
  void disconnect() noexcept;

  const FsConfig config_;
  const GuestMemory& memory_;
  boost::asio::io_context& executor_;
  std::vector<EventFd> calls_;  // by queue
  std::uint64_t ring_features_ = 0;

  std::unique_ptr<Virtiofsd> server_;    // destroyed after the connection
  UniqueFd socket_;                      // until connect()
  std::unique_ptr<VhostUser> back_end_;  // null: not yet connected, or disconnected

  // While running.
  DriverLink* link_ = nullptr;
  RingFeatures rings_;
  std::vector<ServedQueue> served_;
  FdWatch watch_;  // of the connection
};

}  // namespace bothy::virtio
