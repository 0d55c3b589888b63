// A hostile driver of a balloon with all features: requests of any shape and content in split or
// packed rings, writes to the rings and the config space, resets, and changes of the size. The
// input is a sequence of operations and their operands.
#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <vector>

#include "base/log.h"
#include "devices/virtio/balloon/balloon.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/link_recorder.h"
#include "tests/support/virtio_driver.h"

namespace {

using namespace bothy;
using fuzz::check;
using fuzz::Input;
using test::DriverQueue;
using virtio::Balloon;

constexpr std::size_t kQueues = 5;
constexpr std::uint64_t kMemory = (kQueues + 1) * DriverQueue::kSpan;
constexpr std::uint16_t kQueueSize = 16;
// Statistics, reporting, and features that don't change the queues.
constexpr std::uint64_t kFeatures = 1 | 2 | 4 | 32;
constexpr std::array kAreas{DriverQueue::kDescriptors, DriverQueue::kAvailable, DriverQueue::kUsed};

class Machine {
 public:
  explicit Machine(Input& input) {
    const std::uint8_t shape = input.byte();
    absent_ = shape >> 3U;
    for (std::size_t i = 0; i < kQueues; ++i) {
      queues_.emplace_back(memory_, i * DriverQueue::kSpan, kQueueSize,
                           virtio::RingFeatures{.indirect = (shape & 1U) != 0,
                                                .event_index = (shape & 2U) != 0,
                                                .packed = (shape & 4U) != 0});
      kicks_.push_back(EventFd::create().value());
    }
    start();
  }
  ~Machine() { static_cast<void>(balloon_->stop()); }

  void step(Input& input) {
    DriverQueue& queue = queues_[input.below(kQueues)];
    switch (input.below(6)) {
      case 0:
      case 1:
        add(queue, input);
        break;
      case 2: {
        const GuestAddress area = kAreas[input.below(3)];
        static_cast<void>(memory_.write(queue.config().descriptors - DriverQueue::kDescriptors +
                                            area + 2 * std::uint64_t{input.byte()},
                                        input.take<std::uint16_t>()));
        break;
      }
      case 3: {
        const auto value = input.take<std::uint32_t>();
        balloon_->write_config(input.byte(), std::as_bytes(std::span(&value, 1)));
        std::array<std::byte, 8> read{};
        balloon_->read_config(input.byte(), std::span(read).first(1U + input.below(8)));
        break;
      }
      case 4: {
        const std::uint64_t size = std::uint64_t{input.take<std::uint16_t>()} << 10U;
        const bool taken = balloon_->set_size(size).has_value();
        check(taken == (size % 4096 == 0 && size <= kMemory));
        break;
      }
      default:
        static_cast<void>(balloon_->stop());
        start();
        break;
    }
    for (const EventFd& kick : kicks_) {
      kick.signal();
    }
    executor_.restart();
    executor_.poll();
    check(balloon_->status().target <= kMemory);
  }

 private:
  void start() {
    std::vector<virtio::ActiveQueue> active(kQueues);
    for (std::uint16_t i = 0; i < kQueues; ++i) {
      if ((absent_ & (1U << i)) == 0) {
        active[i] = {queues_[i].queue(), &kicks_[i], i};
      }
    }
    balloon_->start(kFeatures, std::move(active), link_);
  }

  void add(DriverQueue& queue, Input& input) {
    std::vector<DriverQueue::Buffer> buffers;
    const std::size_t count = 1U + input.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      DriverQueue::Buffer buffer;
      buffer.writable = input.flag();
      // Any memory, including the rings, has the page numbers.
      buffer.length = input.take<std::uint16_t>();
      buffer.address = std::uint64_t{input.take<std::uint16_t>()} << 7U;
      if (input.below(4) == 0) {
        static_cast<void>(memory_.write(*buffer.address, input.take<std::uint64_t>()));
      }
      buffers.push_back(buffer);
    }
    std::ranges::stable_sort(buffers, {}, &DriverQueue::Buffer::writable);
    queue.add(buffers);
  }

  boost::asio::io_context executor_{1};
  GuestMemory memory_ = test::make_guest_memory(kMemory);
  std::deque<DriverQueue> queues_;
  std::vector<EventFd> kicks_;
  unsigned absent_ = 0;
  test::LinkRecorder link_;
  std::unique_ptr<Balloon> balloon_ =
      Balloon::create({.deflate_on_oom = true, .free_page_reporting = true, .stats_seconds = 3600},
                      memory_, executor_)
          .value();
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_log_level(LogLevel::kError);
  Input input({data, std::min<std::size_t>(size, 2048)});
  Machine machine(input);
  while (!input.ended()) {
    machine.step(input);
  }
  return 0;
}
