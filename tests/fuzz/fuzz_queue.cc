// A driver that does anything to a virtqueue of either layout, between any two steps of a device
// that takes, completes and puts back requests in any order and moves to a saved state. The first
// bytes are features and size; then each step is an operation and what it needs. As long as the
// driver keeps the rules, its requests must come back, and neither side may miss a wake-up.
#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "devices/virtio/queue/queue.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using fuzz::check;
using fuzz::Input;
using test::DriverQueue;
using Buffer = DriverQueue::Buffer;

constexpr std::uint64_t kMemory = 2ULL << 20U;

class Fuzz {
 public:
  explicit Fuzz(Input& input) : input_(input) {
    const std::uint8_t bits = input.byte();
    const RingFeatures features{
        .indirect = (bits & 1U) != 0, .event_index = (bits & 2U) != 0, .packed = (bits & 4U) != 0};
    const unsigned size = bits >> 3U;
    size_ = static_cast<std::uint16_t>(features.packed ? 1U + size : 1U << size % 6U);
    driver_ = std::make_unique<DriverQueue>(memory_, 0, size_, features);
    queue_ = driver_->queue();
  }

  void step() {
    switch (input_.below(16)) {
      case 0:
      case 1:
      case 2:
        return add(input_.flag());
      case 3:
      case 4:
        return pop();
      case 5:
      case 6:
        return complete();
      case 7:
        return unpop();
      case 8:
        return queue_->flush();
      case 9:
        return signal();
      case 10:
        return ask_for_kicks();
      case 11:
        return reap();
      case 12:
        return ask_for_interrupts();
      case 13:
        return move();
      case 14:
        return scribble();
      default:
        return lie();
    }
  }

  // What is out comes back, each request once; and all of an honest driver's are served.
  void finish() {
    out_.clear();
    check(outstanding(queue_->state()) == gap_);
    if (!honest_) {
      return;
    }
    while (auto chain = queue_->pop()) {
      chain->complete(1);
    }
    queue_->flush();
    reap();
    check(added_.empty() && !queue_->broken());
  }

 private:
  // What an honest driver has in its ring.
  struct Added {
    std::uint16_t id;
    std::uint16_t slots;
    bool back;
  };
  struct Out {
    Chain chain;
    std::uint64_t order;
  };

  void add(bool indirect) {
    std::vector<Buffer> buffers(1U + input_.below(5));
    const std::uint8_t first_writable = input_.below(6);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      buffers[i] = {input_.take<std::uint16_t>(), i >= first_writable, kBuffers};
    }
    indirect = indirect && driver_->features().indirect;
    const auto slots = static_cast<std::uint16_t>(indirect ? 1 : buffers.size());
    std::size_t taken = slots;
    for (const Added& added : added_) {
      taken += added.slots;
    }
    if (taken > size_) {
      return;
    }
    const std::uint16_t id = indirect ? driver_->add_indirect(buffers) : driver_->add(buffers);
    added_.push_back({id, slots, false});
    const bool kick = driver_->wants_kick();
    check(kick || !asleep_ || !honest_);
    asleep_ = false;
  }

  void pop() {
    const bool broken = queue_->broken();
    auto chain = queue_->pop();
    if (!chain) {
      return;
    }
    check(!broken && !queue_->broken());
    inspect(*chain);
    out_.push_back({std::move(*chain), ++popped_});
    check(out_.size() <= size_);
  }

  void inspect(const Chain& chain) {
    check(chain.readable().size() + chain.writable().size() <= Queue::kMaxBuffers);
    check(chain.reader().remaining() == total(chain.readable()));
    check(chain.writer().remaining() == total(chain.writable()));
    check(chain.reader().remaining() + chain.writer().remaining() <= std::uint64_t{1} << 32U);
    Reader reader = chain.reader();
    static_cast<void>(reader.read<std::uint64_t>());
    Writer writer = chain.writer();
    static_cast<void>(writer.write(popped_));
  }

  [[nodiscard]] std::uint64_t total(std::span<const iovec> buffers) const {
    std::uint64_t sum = 0;
    const auto ram = memory_.slice(0, kMemory);
    for (const iovec& buffer : buffers) {
      const auto* start = static_cast<const std::byte*>(buffer.iov_base);
      check(buffer.iov_len > 0 && start >= ram->data() && buffer.iov_len <= kMemory &&
            start + buffer.iov_len <= ram->data() + kMemory);
      sum += buffer.iov_len;
    }
    return sum;
  }

  void complete() {
    if (out_.empty()) {
      return;
    }
    const auto chosen = out_.begin() + input_.byte() % static_cast<std::ptrdiff_t>(out_.size());
    if (input_.flag()) {
      chosen->chain.complete(input_.take<std::uint32_t>());
    }
    out_.erase(chosen);  // one that is not completed is now
  }

  void unpop() {
    if (out_.empty() || out_.back().order != popped_) {
      return;
    }
    queue_->unpop(std::move(out_.back().chain));
    out_.pop_back();
    --popped_;
    asleep_ = false;
  }

  void signal() {
    queue_->flush();
    const bool completed = driver_->used_index() != used_when_asked_;
    const bool signal = queue_->needs_signal();
    check(signal || !wanting_ || !completed || !honest_);
    wanting_ = wanting_ && !completed;
  }

  void ask_for_kicks() {
    if (input_.flag()) {
      queue_->disable_kicks();
      asleep_ = false;
    } else {
      asleep_ = !queue_->enable_kicks();
    }
  }

  void ask_for_interrupts() {
    wanting_ = false;
    if (input_.flag()) {
      driver_->disable_interrupts();
      return;
    }
    used_when_asked_ = driver_->used_index();
    wanting_ = !driver_->enable_interrupts();
  }

  void reap() {
    for (int left = 2 * size_; left > 0; --left) {
      const auto used = driver_->take();
      if (!used) {
        break;
      }
      const auto known = std::ranges::find_if(
          added_, [&](const Added& added) { return added.id == used->id && !added.back; });
      check(known != added_.end() || !honest_);
      if (known != added_.end()) {
        known->back = true;
      }
    }
    while (!added_.empty() && added_.front().back) {
      added_.pop_front();
    }
  }

  // To another queue, over the same rings.
  void move() {
    asleep_ = false;
    wanting_ = false;
    QueueState state;
    switch (input_.below(3)) {
      case 0:
        out_.clear();
        state = queue_->state();
        check(outstanding(state) == gap_);
        break;
      case 1:  // with what is out lost
        honest_ = honest_ && out_.empty();
        state = queue_->state();
        out_.clear();
        break;
      default:
        honest_ = false;
        state = {input_.take<std::uint16_t>(), input_.take<std::uint16_t>(), input_.flag(),
                 input_.flag()};
        break;
    }
    auto moved = Queue::create(memory_, driver_->config(), driver_->features(), state);
    if (!moved) {
      return;
    }
    out_.clear();
    queue_ = std::move(moved).value();
    check(queue_->state() == state || !driver_->features().packed);
    gap_ = outstanding(state);
    check(gap_ <= size_);
    popped_ = 0;
  }

  // Slots between what was taken and what is completed.
  [[nodiscard]] unsigned outstanding(const QueueState& state) const {
    if (!driver_->features().packed) {
      return static_cast<std::uint16_t>(state.next_available - state.next_used);
    }
    const unsigned lap = state.available_wrap == state.used_wrap ? 0 : size_;
    return state.next_available + lap - state.next_used;
  }

  // Any bytes in the rings, the areas and the indirect tables.
  void scribble() {
    honest_ = false;
    constexpr std::array kParts{DriverQueue::kDescriptors, DriverQueue::kAvailable,
                                DriverQueue::kUsed, DriverQueue::kHeap};
    const GuestAddress at =
        kParts.at(input_.below(kParts.size())) + input_.take<std::uint16_t>() % (16U * size_ + 16U);
    if (input_.flag()) {
      static_cast<void>(memory_.write(at, input_.byte()));
    } else {
      static_cast<void>(memory_.write(at, input_.take<std::uint64_t>()));
    }
  }

  // Descriptors that may make sense, in places where they may be looked for.
  void lie() {
    honest_ = false;
    const GuestAddress address =
        input_.flag() ? input_.take<std::uint64_t>() : input_.take<std::uint32_t>() % kMemory;
    const std::uint32_t length =
        input_.flag() ? input_.take<std::uint32_t>() : input_.byte() * std::uint32_t{16};
    const std::uint16_t flags = input_.byte() & 7U;
    const std::uint16_t id = input_.byte();
    if (driver_->features().packed) {
      driver_->offer_packed({address, length, id, flags});
      return;
    }
    const auto index = static_cast<std::uint16_t>(input_.byte() % size_);
    driver_->set_descriptor(index,
                            {address, length, flags, static_cast<std::uint16_t>(id % size_)});
    if (input_.flag()) {
      driver_->offer(index);
    } else if (input_.flag()) {
      driver_->set_available_index(input_.take<std::uint16_t>());
    }
  }

  static constexpr GuestAddress kBuffers = kMemory - 0x10000;

  Input& input_;
  GuestMemory memory_ = test::make_guest_memory(kMemory);
  std::uint16_t size_ = 0;
  std::unique_ptr<DriverQueue> driver_;
  std::unique_ptr<Queue> queue_;
  std::vector<Out> out_;  // goes before its queue
  std::uint64_t popped_ = 0;
  unsigned gap_ = 0;  // what moves have lost
  std::deque<Added> added_;
  bool honest_ = true;
  bool asleep_ = false;   // the device waits for a kick
  bool wanting_ = false;  // the driver waits for an interrupt
  std::uint16_t used_when_asked_ = 0;
};

}  // namespace
}  // namespace bothy::virtio

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bothy::fuzz::Input input({data, std::min<std::size_t>(size, 4096)});
  bothy::virtio::Fuzz fuzz(input);
  while (!input.ended()) {
    fuzz.step();
  }
  fuzz.finish();
  return 0;
}
