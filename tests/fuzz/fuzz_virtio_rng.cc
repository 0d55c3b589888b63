// A hostile driver of an entropy device: requests of any shape in a split or packed ring, writes to
// the ring, and resets.
#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <vector>

#include "base/log.h"
#include "devices/virtio/rng/rng.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/link_recorder.h"
#include "tests/support/virtio_driver.h"

namespace {

using namespace bothy;
using fuzz::Input;
using test::DriverQueue;

constexpr std::uint16_t kQueueSize = 16;
constexpr std::array kAreas{DriverQueue::kDescriptors, DriverQueue::kAvailable, DriverQueue::kUsed};

class Machine {
 public:
  explicit Machine(Input& input) {
    const std::uint8_t shape = input.byte();
    queue_.emplace(memory_, 0, kQueueSize,
                   virtio::RingFeatures{.indirect = (shape & 1U) != 0,
                                        .event_index = (shape & 2U) != 0,
                                        .packed = (shape & 4U) != 0});
    start();
  }
  ~Machine() { static_cast<void>(rng_.stop()); }

  void step(Input& input) {
    switch (input.below(4)) {
      case 0:
      case 1:
        add(input);
        break;
      case 2: {
        const GuestAddress area = kAreas[input.below(3)];
        static_cast<void>(
            memory_.write(area + 2 * std::uint64_t{input.byte()}, input.take<std::uint16_t>()));
        break;
      }
      default:
        static_cast<void>(rng_.stop());
        start();
        break;
    }
    kick_.signal();
    executor_.restart();
    executor_.poll();
  }

 private:
  void start() {
    std::vector<virtio::ActiveQueue> active(1);
    active.front() = {queue_->queue(), &kick_, 0};
    rng_.start(0, std::move(active), link_);
  }

  void add(Input& input) {
    std::vector<DriverQueue::Buffer> buffers(1U + input.below(4));
    for (DriverQueue::Buffer& buffer : buffers) {
      buffer.writable = input.flag();
      buffer.length = input.take<std::uint32_t>();
      // Some are beyond the end of RAM, some in the ring.
      buffer.address = std::uint64_t{input.take<std::uint16_t>()} << 5U;
    }
    queue_->rewind_heap();
    if (input.flag()) {
      queue_->add_indirect(buffers);
    } else {
      queue_->add(buffers);
    }
  }

  boost::asio::io_context executor_{1};
  GuestMemory memory_ = test::make_guest_memory(DriverQueue::kSpan);
  std::optional<DriverQueue> queue_;
  EventFd kick_ = EventFd::create().value();
  test::LinkRecorder link_;
  virtio::Rng rng_{executor_};
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_log_level(LogLevel::kError);
  Input input({data, std::min<std::size_t>(size, 1024)});
  Machine machine(input);
  while (!input.ended()) {
    machine.step(input);
  }
  return 0;
}
