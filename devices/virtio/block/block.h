// Block: the block device (virtio 1.2, 5.2) over a raw file or a block device of the host.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "devices/host/disk/config.h"
#include "devices/host/disk/io_engine.h"
#include "devices/virtio/block/block_queue.h"
#include "devices/virtio/device.h"

namespace bothy::virtio {

// Each queue has a thread and an I/O engine of its own while the device runs.
class Block final : public Device {
 public:
  static constexpr std::uint16_t kQueueSize = 256;

  // Opens and locks the disk. Errors are for the user. Without `engine` the best one that the host
  // supports is used.
  [[nodiscard]] static Result<std::unique_ptr<Block>> create(
      const DiskConfig& config, std::optional<IoEngineKind> engine = std::nullopt);
  ~Block() override;

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kBlock; }
  [[nodiscard]] std::uint64_t features() const noexcept override;
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override {
    return queue_sizes_;
  }
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
  void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override;
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

  [[nodiscard]] const DiskConfig& config() const noexcept { return disk_.config; }

  // Reads the file's size again, notifies the driver of a change, and returns the capacity: bytes,
  // a multiple of the block size. Any thread.
  Result<std::uint64_t> resize();

 private:
  struct Worker {
    std::unique_ptr<Queue> queue;
    std::thread thread;
  };

  Block(DiskFile file, const DiskConfig& config, IoEngineKind engine, EventFd stop);

  [[nodiscard]] Result<std::uint64_t> read_capacity() const;
  void set_write_back(bool on) noexcept;
  // The main function of a queue's thread.
  void run(Queue& queue, const EventFd& kick, std::uint16_t index, DriverLink& link) noexcept;

  BlockDisk disk_;
  const IoEngineKind engine_;
  const EventFd stop_;
  const std::vector<std::uint16_t> queue_sizes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // The capacity of which the driver last read the lower half: it reads the halves one by one.
  std::atomic<std::uint64_t> last_read_capacity_{0};
  std::atomic<bool> write_back_{true};      // the config space's `writeback` field
  std::atomic<std::uint64_t> features_{0};  // negotiated, while running
  std::mutex link_mutex_;
  DriverLink* link_ = nullptr;  // while running
};

}  // namespace bothy::virtio
