// BlockQueue: serves one queue of a block device on a thread of its own.
// BlockDisk: the state that the queues of a device share.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "devices/host/disk/file.h"
#include "devices/host/disk/io_engine.h"
#include "devices/host/rate_limiter.h"
#include "devices/virtio/block/poll_window.h"
#include "devices/virtio/block/request.h"
#include "devices/virtio/device.h"

namespace bothy::virtio {

// Used by all queues' threads.
struct BlockDisk {
  // Limits of DISCARD and WRITE_ZEROES: segments per request, sectors per segment.
  static constexpr std::uint32_t kMaxSegments = 32;
  static constexpr std::uint32_t kMaxSegmentSectors = 1U << 21U;

  BlockDisk(DiskFile disk_file, const DiskConfig& disk_config)
      : file(std::move(disk_file)), config(disk_config), limiter(disk_config.limit) {}

  [[nodiscard]] bool discards() const noexcept {
    return !config.read_only && file.geometry().discard_granularity != 0;
  }

  const DiskFile file;
  const DiskConfig config;
  std::atomic<std::uint64_t> capacity{0};  // sectors
  // Each write is on stable storage before it is completed: without FLUSH, or when the driver has
  // turned the write cache off (CONFIG_WCE).
  std::atomic<bool> write_through{false};
  // The errno of a failed flush through the page cache: the kernel reports a failed writeback once
  // and then treats the pages as clean. So every later flush fails too.
  std::atomic<int> flush_error{0};
  std::mutex limiter_mutex;
  RateLimiter limiter;
  LogLimiter log;
};

// Used by one thread. Requests complete out of order; those that complete together are published
// together, with at most one interrupt. If the driver usually follows up with a request at once,
// the thread polls for it a moment: that saves the notification, which is an exit of the vCPU, and
// a wake-up of the thread.
//
//   take_requests() -> admit() -> begin() -> [engine] -> on_io_complete() ... -> finish()
class BlockQueue {
 public:
  BlockQueue(BlockDisk& disk, Queue& queue, std::uint16_t index, std::uint16_t size,
             IoEngine& engine, DriverLink& link);

  // Waits for completions, notifications or the stop event, and handles them. False once stop was
  // requested and nothing is in flight.
  [[nodiscard]] bool step();

 private:
  using Clock = IoEngine::Clock;
  struct FreeDeleter {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };

  [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;
  void take_requests();
  // How many requests are taken before they are submitted to the host.
  [[nodiscard]] std::size_t batch() const noexcept;
  // Enables notifications: the ring is empty, or broken.
  void wait_for_notification();
  // The next request. Polls for it a moment after completions.
  [[nodiscard]] std::optional<Chain> next();
  // Stopping: requests that the host has not got fail.
  void drain();
  // Fails all requests of bounce_queue_ but the first `kept`.
  void fail_bounce_queue(std::size_t kept) noexcept;
  // False: the rate limit delays the request, until throttled_until_.
  [[nodiscard]] bool admit(const BlockRequest& request);
  void publish() noexcept;

  void begin(BlockRequest& request);
  void begin_transfer(BlockRequest& request, IoOperation::Kind kind);
  void flush(BlockRequest& request);
  void on_flush_complete(BlockRequest& request);
  void begin_ranges(BlockRequest& request, IoOperation::Kind kind);
  void report_id(BlockRequest& request);

  // Each submits the next operation of a request to the engine.
  void submit(BlockRequest& request);
  void transfer(BlockRequest& request);
  void bounce(BlockRequest& request);
  void next_segment(BlockRequest& request);
  void next_range(BlockRequest& request);
  void fill(BlockRequest& request);

  // Each handles the result of an operation.
  void on_io_complete(BlockRequest& request);
  void on_transfer_complete(BlockRequest& request);
  void on_range_complete(BlockRequest& request);
  void on_fill_complete(BlockRequest& request);

  [[nodiscard]] bool on_disk(std::uint64_t sector, std::uint64_t bytes) const noexcept;
  // The first of a request's buffers, up to the limit of one operation.
  [[nodiscard]] static std::span<const iovec> first_buffers(BlockRequest& request) noexcept;
  [[nodiscard]] bool is_aligned(const BlockRequest& request) const noexcept;
  void fail(BlockRequest& request);
  void finish(BlockRequest& request, BlockStatus status) noexcept;

  BlockDisk& disk_;
  Queue& queue_;
  const std::uint16_t index_;
  const std::uint16_t size_;
  IoEngine& engine_;
  DriverLink& link_;

  std::vector<std::unique_ptr<BlockRequest>> slots_;  // allocated on demand, at most size_
  std::vector<BlockRequest*> free_;
  std::vector<IoOperation*> done_;
  BlockRequest* throttled_ = nullptr;  // delayed by the rate limit, until throttled_until_
  Clock::time_point throttled_until_;
  PollWindow window_;
  bool published_ = false;  // completions, and the ring was not polled since
  bool poll_again_ = true;  // there may be requests without a notification
  bool stopping_ = false;
  bool reset_requested_ = false;

  // The bounce buffer, for one request at a time.
  std::unique_ptr<std::byte, FreeDeleter> bounce_;
  std::deque<BlockRequest*> bounce_queue_;  // the first one uses the buffer
};

}  // namespace bothy::virtio
