// Fs: the file system device (virtio 1.2, 5.11), whose queues another process serves.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/host/fs/virtiofsd.h"
#include "devices/host/vhost_user.h"
#include "devices/virtio/device.h"
#include "devices/virtio/queue/queue_worker.h"
#include "devices/virtio/transport/doorbell.h"

namespace bothy::virtio {

// What a user can choose.
struct FsConfig {
  static constexpr std::size_t kLongestTag = 36;  // 5.11.4

  std::string tag;  // what the guest mounts it by: 1 to kLongestTag letters, digits and '._-'
  SharedDirectory directory;
};

[[nodiscard]] Result<void> validate(const FsConfig& config);

// While the device runs, its rings are the back end's alone: it gets their addresses, the driver's
// kicks, and an eventfd for its calls. That eventfd can't be the interrupt itself: a transport may
// have to record the reason of an interrupt before it is raised, so each call goes through the
// device's executor to DriverLink::signal_queue().
//
// When the back end ends, or breaks the protocol, the device is parked. Since Linux's driver takes
// no notice of that, and its users would wait for ever, what is under way and what comes after that
// is answered with ENOTCONN.
class Fs final : public Device {
 public:
  // `socket` is the back end's; `server` is null when that is no process of ours. The memory must
  // be shared (a memfd). All but the config outlives it; the context is its executor.
  [[nodiscard]] static Result<std::unique_ptr<Fs>> create(const FsConfig& config, UniqueFd socket,
                                                          std::unique_ptr<Virtiofsd> server,
                                                          const GuestMemory& memory,
                                                          boost::asio::io_context& executor);
  ~Fs() override;

  // Settles with the back end what it serves, and waits for it where it has just been started.
  // Once, before any driver comes, from the owner's thread.
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
  // One queue, while the device runs.
  struct Lane {
    ActiveQueue active;
    bool handed_over = false;
    std::optional<Doorbell> call;          // of the back end
    std::unique_ptr<QueueWorker> refusal;  // once there is none
  };

  Fs(const FsConfig& config, const GuestMemory& memory, boost::asio::io_context& executor)
      : config_(config), memory_(memory), executor_(executor), watch_(executor) {}

  [[nodiscard]] Result<void> hand_over(std::uint64_t features);
  void watch();
  // The back end is no more.
  void fail(const std::string& why);
  void take_back(std::span<VhostRingPosition> rings) noexcept;
  void disconnect() noexcept;

  const FsConfig config_;
  const GuestMemory& memory_;
  boost::asio::io_context& executor_;
  std::vector<EventFd> calls_;  // by queue
  std::uint64_t ring_features_ = 0;

  std::unique_ptr<Virtiofsd> server_;    // ends after the connection
  UniqueFd socket_;                      // until connect()
  std::unique_ptr<VhostUser> back_end_;  // null: it isn't there yet, or gone

  // While running.
  DriverLink* link_ = nullptr;
  RingFeatures rings_;
  std::vector<Lane> lanes_;
  boost::asio::posix::stream_descriptor watch_;
  std::shared_ptr<bool> running_;  // handlers under way find it false by this
};

}  // namespace bothy::virtio
