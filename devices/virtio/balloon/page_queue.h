// BalloonPageQueue: serves a queue whose requests name pages that the guest gives up: the inflate
// queue or the reporting queue (virtio 1.2, 5.5.2).
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "devices/virtio/device.h"
#include "devices/virtio/transport/doorbell.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

// Returns the pages to the host. A request may name gigabytes, and the driver may queue many: the
// work is done in turns of a bounded size, with other tasks of the executor in between. All
// functions run on the executor.
class BalloonPageQueue {
 public:
  static constexpr std::uint64_t kMaxBytesPerTurn = 16ULL << 20U;
  // Each range costs a system call.
  static constexpr std::size_t kMaxRangesPerTurn = 128;

  // The pages that a request names, as ranges of whole pages.
  using ReadRanges = std::function<std::vector<MemoryRange>(const Chain&)>;

  // A queue that the driver left out is never served. The link and the memory outlive this object,
  // and so does `returned`, the count of bytes returned.
  BalloonPageQueue(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link,
                   const GuestMemory& memory, ReadRanges read_ranges,
                   std::atomic<std::uint64_t>& returned);
  BalloonPageQueue(const BalloonPageQueue&) = delete;
  BalloonPageQueue& operator=(const BalloonPageQueue&) = delete;

  // A request of which a part is done stays in the queue: returning its pages again does no harm.
  QueueState stop() noexcept;

 private:
  void run();
  // True when there is more to do at once.
  [[nodiscard]] bool run_turn();
  [[nodiscard]] bool next_request();
  // Returns the next range or a part of it, at most `max_bytes`, and says how much that was.
  std::uint64_t discard_next(std::uint64_t max_bytes);

  DriverLink& link_;
  const GuestMemory& memory_;
  const ReadRanges read_ranges_;
  std::atomic<std::uint64_t>& returned_;
  const std::unique_ptr<Queue> queue_;
  const std::uint16_t index_;
  std::optional<Chain> chain_;       // the request being served
  std::vector<MemoryRange> ranges_;  // of it, not yet returned, in reverse order
  std::optional<Doorbell> doorbell_;
};

}  // namespace bothy::virtio
