// Block: the block device (virtio 1.2, 5.2) over a raw file or a block device of the host.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/worker_thread.h"
#include "devices/host/disk/config.h"
#include "devices/host/disk/io_engine.h"
#include "devices/virtio/block/block_queue.h"
#include "devices/virtio/device.h"

namespace bothy::virtio {

// Each queue has a thread and an I/O engine of its own, which exist as long as the device: nothing
// is opened and no thread started when a driver starts the device.
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
  [[nodiscard]] Result<void> prepare(std::span<const EventFd> kicks) override;
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override;
  std::vector<QueueState> stop() noexcept override;

  [[nodiscard]] const DiskConfig& config() const noexcept { return disk_.config; }

  // Reads the file's size again, notifies the driver of a change, and returns the capacity: bytes,
  // a multiple of the block size. Any thread.
  Result<std::uint64_t> resize();

 private:
  struct Worker {
    Worker() = default;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();

    const EventFd* kick = nullptr;
    std::unique_ptr<IoEngine> engine;  // used by the thread only; null: it couldn't be made
    std::string failure;               // why; written before the first task
    std::unique_ptr<Queue> queue;      // null: the driver left it out
    std::unique_ptr<WorkerThread> thread;
  };

  Block(DiskFile file, const DiskConfig& config, IoEngineKind engine, EventFd stop);

  [[nodiscard]] Result<std::uint64_t> read_capacity() const;
  void set_write_back(bool on) noexcept;
  [[nodiscard]] Result<std::unique_ptr<Worker>> make_worker(const EventFd* kick);
  // The worker of a queue, made now if it wasn't prepared for this doorbell.
  [[nodiscard]] Result<Worker*> worker_of(std::size_t queue, const EventFd* kick);
  // Both on the queue's thread: its set-up, and its task while the device runs.
  void make_engine(Worker& worker) const noexcept;
  void run(Worker& worker, std::uint16_t index, DriverLink& link) noexcept;

  BlockDisk disk_;
  const IoEngineKind engine_;
  const EventFd stop_;
  const std::vector<std::uint16_t> queue_sizes_;
  bool running_ = false;
  // The capacity of which the driver last read the lower half: it reads the halves one by one.
  std::atomic<std::uint64_t> last_read_capacity_{0};
  std::atomic<bool> write_back_{true};      // the config space's `writeback` field
  std::atomic<std::uint64_t> features_{0};  // negotiated, while running
  std::mutex link_mutex_;
  DriverLink* link_ = nullptr;                    // while running
  std::vector<std::unique_ptr<Worker>> workers_;  // one for each queue; null: not made yet
};

}  // namespace bothy::virtio
