// BlockQueue: serves one queue of a block device on a thread of its own.
// BlockDisk: what all queues of one device share.
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

// Any thread.
struct BlockDisk {
  // Of one DISCARD or WRITE_ZEROES: segments, and sectors of each.
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
  // Each write is on stable storage before it is completed: the driver knows no FLUSH, or wants it
  // so (CONFIG_WCE).
  std::atomic<bool> write_through{false};
  // Why a flush failed, by way of the page cache: the host says so once, and then takes what it
  // could not write for written. So no flush succeeds any more.
  std::atomic<int> flush_error{0};
  std::mutex limiter_mutex;
  RateLimiter limiter;
  LogLimiter log;
};

// Belongs to one thread. Requests are taken as they come and completed as they end; what ends at
// once is shown to the driver at once, with at most one interrupt. A driver that answers what it is
// shown with its next request right away is waited for awake: it needn't kick, which is an exit of
// its vCPU, and the thread needn't be woken.
//
//   take_requests() -> admit() -> begin() -> [the engine] -> went_on() ... -> finish()
class BlockQueue {
 public:
  BlockQueue(BlockDisk& disk, Queue& queue, std::uint16_t index, std::uint16_t size,
             IoEngine& engine, DriverLink& link);

  // Waits until there is something to do, and does it. False once the engine's stop bell was rung
  // and nothing is under way any more.
  [[nodiscard]] bool step();

 private:
  using Clock = IoEngine::Clock;
  struct FreeDeleter {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };

  [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;
  void take_requests();
  // How many of them are taken before the host is given them.
  [[nodiscard]] std::size_t batch() const noexcept;
  // Until the driver kicks for its next request: there is none.
  void sleep_at_next();
  // The next request. Waits a moment for it if the driver was just shown something.
  [[nodiscard]] std::optional<Chain> next();
  // Nothing is begun any more: what the host has is waited for, and the rest fails.
  void drain();
  // Those of bouncing_ but the first `kept`.
  void fail_bouncing(std::size_t kept) noexcept;
  // False: the rate limit holds it back.
  [[nodiscard]] bool admit(const BlockRequest& request);
  void publish() noexcept;

  void begin(BlockRequest& request);
  void begin_transfer(BlockRequest& request, IoOperation::Kind kind);
  void flush(BlockRequest& request);
  void flushed(BlockRequest& request);
  void begin_ranges(BlockRequest& request, IoOperation::Kind kind);
  void tell_id(BlockRequest& request);

  // Each gives the engine the next operation of a request, by way of submit().
  void submit(BlockRequest& request);
  void transfer(BlockRequest& request);
  void bounce(BlockRequest& request);
  void next_segment(BlockRequest& request);
  void next_range(BlockRequest& request);
  void fill(BlockRequest& request);

  // Each takes note of what an operation did.
  void went_on(BlockRequest& request);
  void transferred(BlockRequest& request);
  void ranged(BlockRequest& request);
  void filled(BlockRequest& request);

  [[nodiscard]] bool on_disk(std::uint64_t sector, std::uint64_t bytes) const noexcept;
  // As many of a request's buffers as the host is given at once.
  [[nodiscard]] static std::span<const iovec> first_buffers(BlockRequest& request) noexcept;
  [[nodiscard]] bool suits_direct(const BlockRequest& request) const noexcept;
  void fail(BlockRequest& request);
  void finish(BlockRequest& request, BlockStatus status) noexcept;

  BlockDisk& disk_;
  Queue& queue_;
  const std::uint16_t index_;
  const std::uint16_t size_;
  IoEngine& engine_;
  DriverLink& link_;

  std::vector<std::unique_ptr<BlockRequest>> slots_;  // made as they are needed, size_ at most
  std::vector<BlockRequest*> free_;
  std::vector<IoOperation*> done_;
  BlockRequest* held_ = nullptr;  // by the rate limit, until held_until_
  Clock::time_point held_until_;
  PollWindow window_;
  bool shown_ = false;      // completions, and no request was looked for since
  bool look_again_ = true;  // there may be requests that no kick will tell of
  bool stopping_ = false;
  bool parked_ = false;

  // One request at a time goes by way of it.
  std::unique_ptr<std::byte, FreeDeleter> bounce_;
  std::deque<BlockRequest*> bouncing_;  // the first has the buffer, the others wait for it
};

}  // namespace bothy::virtio
