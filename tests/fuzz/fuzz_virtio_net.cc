// A hostile driver of a network device's queues and control commands. The first byte selects the
// ring layout, features and packet sizes; the rest is a sequence of steps of a few bytes.
#include <chrono>
#include <span>
#include <vector>

#include "devices/virtio/net/control.h"
#include "devices/virtio/net/receiver.h"
#include "devices/virtio/net/transmitter.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_port.h"
#include "tests/support/virtio_driver.h"

namespace bothy::fuzz {
namespace {

using test::DriverQueue;
using test::FakePort;
using virtio::NetProgress;

constexpr std::size_t kMaxSteps = 400;
constexpr std::uint16_t kQueueSize = 16;

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) {
      return 0;
    }
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::uint32_t word() { return byte() | static_cast<std::uint32_t>(byte()) << 8U; }

 private:
  std::span<const std::uint8_t> bytes_;
};

struct Target final : virtio::NetControlTarget {
  bool set_mac(const MacAddress& mac) override { return mac[0] == 2; }
  bool set_pairs(std::uint16_t count) override { return count == 1; }
  bool set_guest_offloads(std::uint64_t features) override { return features == 0; }
};

// Sends and receives with a hostile driver: no access outside guest memory (found by ASan), and no
// endless loop.
class Machine {
 public:
  explicit Machine(Input& input)
      : input_(input),
        mode_(input.byte()),
        layout_{.indirect = (mode_ & 2U) != 0,
                .event_index = (mode_ & 4U) != 0,
                .packed = (mode_ & 1U) != 0},
        limit_({.operations = (mode_ & 8U) != 0 ? 1000U : 0U, .bytes = 0}),
        receiver_(receive_.queue(), (mode_ & 16U) != 0,
                  (mode_ & 32U) != 0 ? PacketPort::kMaxBytes : 1530, limit_, received_),
        transmitter_(transmit_.queue(), limit_, sent_),
        control_queue_(control_.queue()) {}

  void step() {
    DriverQueue& queue = pick();
    switch (input_.byte() % 10) {
      case 0:
      case 1:
        return add(queue, false);
      case 2:
        return add(queue, true);
      case 3:
        return scribble(queue);
      case 4:
        return jump(queue);
      case 5:
        port_.to_receive.push_back(FakePort::Packet(12 + (input_.word() * 3) % 70000));
        return;
      case 6:
        port_.send_outcome = static_cast<PacketOutcome>(input_.byte() % 4);
        port_.empty_outcome = static_cast<PacketOutcome>(input_.byte() % 4);
        return;
      case 7:
        return receive();
      case 8:
        return transmit();
      default:
        return control();
    }
  }

  void finish() {
    static_cast<void>(receiver_.stop());
    static_cast<void>(transmitter_.stop());
  }

 private:
  DriverQueue& pick() {
    switch (input_.byte() % 3) {
      case 0:
        return receive_;
      case 1:
        return transmit_;
      default:
        return control_;
    }
  }

  void add(DriverQueue& queue, bool indirect) {
    std::vector<DriverQueue::Buffer> buffers(1 + input_.byte() % 5);
    for (DriverQueue::Buffer& buffer : buffers) {
      const std::uint8_t kind = input_.byte();
      buffer.writable = (kind & 1U) != 0;
      buffer.length = (kind & 2U) != 0 ? input_.word() * 2 : input_.byte();
      // Usually the same address, since the bump allocator would run out; sometimes at or beyond
      // the end of RAM.
      buffer.address = DriverQueue::kHeap + input_.byte();
      if ((kind & 0x70U) == 0x70U) {
        buffer.address = memory_.size() - input_.byte();
      }
    }
    static_cast<void>(indirect ? queue.add_indirect(buffers) : queue.add(buffers));
  }
  // Any byte of a ring.
  void scribble(DriverQueue& queue) {
    const auto config = queue.config();
    const GuestAddress area = input_.byte() % 2 == 0 ? config.descriptors : config.driver_area;
    const GuestAddress at = area + input_.word() % (kQueueSize * 16);
    static_cast<void>(memory_.write(at, input_.byte()));
  }
  void jump(DriverQueue& queue) {
    if (!layout_.packed) {
      queue.set_available_index(
          static_cast<std::uint16_t>(queue.available_index() + input_.byte()));
    }
  }
  void receive() {
    now_ += std::chrono::milliseconds(input_.byte());
    const NetProgress progress = receiver_.run(port_, now_);
    check((progress.state == NetProgress::State::kFault) == !receiver_.fault().empty());
    static_cast<void>(receiver_.needs_signal());
  }
  void transmit() {
    now_ += std::chrono::milliseconds(input_.byte());
    static_cast<void>(transmitter_.run(&port_, now_));
    static_cast<void>(transmitter_.needs_signal());
    for (const FakePort::Packet& packet : port_.sent) {
      check(packet.size() >= PacketPort::kHeader && packet.size() <= PacketPort::kMaxBytes);
    }
    port_.sent.clear();
  }
  void control() {
    for (int left = 2 * kQueueSize; left > 0; --left) {
      auto chain = control_queue_->pop();
      if (!chain) {
        break;
      }
      virtio::serve_net_control(std::move(*chain), target_);
    }
    static_cast<void>(control_queue_->needs_signal());
  }

  Input& input_;
  const std::uint8_t mode_;
  const virtio::RingFeatures layout_;
  GuestMemory memory_ = test::make_guest_memory(3 * DriverQueue::kSpan);
  DriverQueue receive_{memory_, 0, kQueueSize, layout_};
  DriverQueue transmit_{memory_, DriverQueue::kSpan, kQueueSize, layout_};
  DriverQueue control_{memory_, 2 * DriverQueue::kSpan, kQueueSize, layout_};
  FakePort port_;
  Target target_;
  virtio::NetCounters received_;
  virtio::NetCounters sent_;
  virtio::NetRateLimit limit_;
  virtio::NetReceiver receiver_;
  virtio::NetTransmitter transmitter_;
  std::unique_ptr<virtio::Queue> control_queue_;
  std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
};

}  // namespace
}  // namespace bothy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bothy::fuzz::Input input({data, size});
  bothy::fuzz::Machine machine(input);
  for (std::size_t steps = 0; steps < bothy::fuzz::kMaxSteps && !input.empty(); ++steps) {
    machine.step();
  }
  machine.finish();
  return 0;
}
