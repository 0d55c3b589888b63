// A hostile driver of a console device with three ports: requests and control messages of any shape
// in split or packed rings, writes to the rings, and resets, while clients on the host send input,
// connect, disconnect, resize, and stall. The input is a sequence of operations and their operands.
#include <linux/virtio_console.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <span>
#include <vector>

#include "base/log.h"
#include "devices/virtio/console/console.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/link_recorder.h"
#include "tests/support/virtio_driver.h"

namespace {

using namespace bothy;
using test::DriverQueue;
using virtio::Console;

constexpr std::size_t kPorts = 3;
constexpr std::size_t kQueues = 2 * kPorts + 2;
constexpr std::uint16_t kQueueSize = 16;
// The areas of a queue, each at most this large.
constexpr std::array kAreas{DriverQueue::kDescriptors, DriverQueue::kAvailable, DriverQueue::kUsed};
constexpr std::size_t kAreaSize = 512;

// A sink with limited room.
class BoundedSink final : public CharacterSink {
 public:
  void write(std::span<const std::byte>) noexcept override { fuzz::check(false); }
  std::size_t try_write(std::span<const std::byte> bytes) noexcept override {
    const std::size_t taken = std::min(bytes.size(), room_);
    room_ -= taken;
    // Read every byte: it must be accessible.
    for (const std::byte byte : bytes.first(taken)) {
      sum_ += std::to_integer<unsigned>(byte);
    }
    wanted_ |= taken < bytes.size();
    return taken;
  }
  void set_room_hook(std::function<void()> hook) noexcept override { hook_ = std::move(hook); }
  void make_room(std::size_t size) {
    room_ = size;
    if (size > 0 && hook_ && std::exchange(wanted_, false)) {
      hook_();
    }
  }

 private:
  std::size_t room_ = 4096;
  unsigned sum_ = 0;
  bool wanted_ = false;
  std::function<void()> hook_;
};

// Parses the input; reads as zero behind its end.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> data) : data_(data) {}
  [[nodiscard]] bool ended() const { return data_.empty(); }
  [[nodiscard]] std::uint8_t byte() {
    if (data_.empty()) {
      return 0;
    }
    const std::uint8_t value = data_.front();
    data_ = data_.subspan(1);
    return value;
  }
  [[nodiscard]] std::uint16_t word() {
    const std::uint8_t low = byte();
    return static_cast<std::uint16_t>(low | byte() << 8);
  }

 private:
  std::span<const std::uint8_t> data_;
};

class Rig {
 public:
  explicit Rig(bool packed)
      : memory_(test::make_guest_memory(kQueues * DriverQueue::kSpan)),
        sinks_(kPorts),
        console_(executor_,
                 {{"main", true, true, &sinks_[0]},
                  {"agent", false, false, &sinks_[1]},
                  {"second", true, true, &sinks_[2]}},
                 {80, 25}) {
    rings_.packed = packed;
    rings_.indirect = true;
    for (std::size_t i = 0; i < kQueues; ++i) {
      kicks_.push_back(EventFd::create().value());
    }
    for (std::size_t i = 0; i < kPorts; ++i) {
      console_.port(i).set_room_hook([this] { ++rooms_; });
    }
    start(1U << VIRTIO_CONSOLE_F_MULTIPORT);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() { fuzz::check(console_.stop().size() == kQueues); }

  void step(Input& input) {
    const std::uint8_t operation = input.byte();
    const std::size_t which = input.byte();
    switch (operation % 9) {
      case 0:
        add_chain(which % kQueues, input);
        break;
      case 1:
        kicks_[which % kQueues].signal();
        break;
      case 2:
        send_control(input);
        break;
      case 3:
        type(which % kPorts, input.byte());
        break;
      case 4:
        scribble(which % kQueues, input);
        break;
      case 5:
        console_.set_open(which % kPorts, (operation & 16U) != 0);
        break;
      case 6:
        console_.resize({input.word(), static_cast<std::uint16_t>(which)});
        break;
      case 7:
        sinks_[which % kPorts].make_room(input.word());
        break;
      default:
        fuzz::check(console_.stop().size() == kQueues);
        start(which % 2 == 0 ? 1U << VIRTIO_CONSOLE_F_MULTIPORT : 1U << VIRTIO_CONSOLE_F_SIZE);
        break;
    }
    run();
    access_config(which);
  }

 private:
  void start(std::uint64_t features) {
    drivers_.clear();
    std::vector<virtio::ActiveQueue> active;
    for (std::size_t i = 0; i < kQueues; ++i) {
      drivers_.emplace_back(memory_, i * DriverQueue::kSpan, kQueueSize, rings_);
      // Clear the rings of the last run.
      for (const GuestAddress area : kAreas) {
        const auto bytes = memory_.slice(i * DriverQueue::kSpan + area, kAreaSize);
        std::ranges::fill(*bytes, std::byte{});
      }
      active.push_back({drivers_[i].queue(), &kicks_[i], static_cast<std::uint16_t>(i)});
    }
    console_.start(features, std::move(active), link_);
  }

  // Tasks may post tasks, but not without end while the guest is idle.
  void run() {
    constexpr int kMaxTasks = 100000;
    executor_.restart();
    int left = kMaxTasks;
    while (left > 0 && executor_.poll_one() > 0) {
      --left;
    }
    fuzz::check(left > 0);
  }

  void add_chain(std::size_t queue, Input& input) {
    std::vector<DriverQueue::Buffer> buffers(1 + input.byte() % 4U);
    for (DriverQueue::Buffer& buffer : buffers) {
      const std::uint16_t shape = input.word();
      buffer.length = shape % 512U == 511 ? 0x00fffff0U : shape % 512U;
      buffer.writable = (shape & 0x8000U) != 0;
      buffer.address = (shape & 0x4000U) != 0
                           ? GuestAddress{input.word()} << (shape >> 9U & 15U)
                           : queue * DriverQueue::kSpan + DriverQueue::kHeap + input.word();
    }
    if (std::ranges::is_sorted(buffers, {}, &DriverQueue::Buffer::writable) &&
        (input.byte() & 1U) != 0) {
      drivers_[queue].add_indirect(buffers);
    } else {
      drivers_[queue].add(buffers);
    }
  }

  void send_control(Input& input) {
    constexpr std::size_t kFromDriver = 3;
    const GuestAddress at = kFromDriver * DriverQueue::kSpan + DriverQueue::kHeap;
    virtio_console_control message{};
    message.id = input.byte() % (kPorts + 1);
    message.event = input.byte() % 9U;
    message.value = input.byte() % 3U;
    fuzz::check(memory_.write(at, message));
    const DriverQueue::Buffer buffer{sizeof(message), false, at};
    drivers_[kFromDriver].add({buffer});
    kicks_[kFromDriver].signal();
  }

  void type(std::size_t port, std::size_t count) {
    const std::vector<std::byte> text(count, std::byte{'x'});
    fuzz::check(console_.port(port).receive(text) <= count);
  }

  void scribble(std::size_t queue, Input& input) {
    const GuestAddress area = kAreas.at(input.byte() % kAreas.size());
    const GuestAddress at = queue * DriverQueue::kSpan + area + input.word() % (kAreaSize - 1);
    static_cast<void>(memory_.write(at, input.word()));
  }

  void access_config(std::size_t offset) {
    std::array<std::byte, 8> data{};
    console_.read_config(offset, data);
    console_.write_config(offset, std::span(data).first(offset % (data.size() + 1)));
  }

  GuestMemory memory_;
  virtio::RingFeatures rings_;
  std::deque<BoundedSink> sinks_;
  boost::asio::io_context executor_;
  std::vector<EventFd> kicks_;
  std::deque<DriverQueue> drivers_;
  test::LinkRecorder link_;
  std::size_t rooms_ = 0;
  Console console_;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_log_level(LogLevel::kError);
  Input input({data, std::min<std::size_t>(size, 2048)});
  Rig rig((input.byte() & 1U) != 0);
  while (!input.ended()) {
    rig.step(input);
  }
  return 0;
}
