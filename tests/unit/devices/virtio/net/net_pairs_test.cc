#include <future>

#include <boost/asio/post.hpp>

#include "base/executor.h"
#include "devices/virtio/net/layout.h"
#include "devices/virtio/net/net.h"
#include "tests/support/catch.h"
#include "tests/support/fake_port.h"
#include "tests/support/hang_limit.h"
#include "tests/support/link_recorder.h"
#include "tests/support/log_capture.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;
using test::make_packet;

constexpr std::size_t kPairs = 3;

// Always writable, never readable.
class EventPort final : public PacketPort {
 public:
  [[nodiscard]] int fd() const noexcept override { return event_.fd(); }
  [[nodiscard]] ReceivedPacket receive(std::span<const iovec>) noexcept override {
    return {PacketOutcome::kAgain, 0};
  }
  [[nodiscard]] PacketOutcome send(std::span<const iovec>) noexcept override {
    return PacketOutcome::kDone;
  }

 private:
  EventFd event_{EventFd::create().value()};
};

// Attaches and detaches one queue at a time, as a tap does, and fails at a given number.
class StepBackend final : public NetBackend {
 public:
  [[nodiscard]] std::string describe() const override { return "test"; }
  [[nodiscard]] NetOffloads offloads() const noexcept override { return {}; }
  [[nodiscard]] std::optional<std::uint16_t> mtu() const noexcept override { return std::nullopt; }
  [[nodiscard]] std::size_t queues() const noexcept override { return ports_.size(); }
  [[nodiscard]] PacketPort& port(std::size_t index) noexcept override { return ports_[index]; }
  [[nodiscard]] Result<void> set_receive_offloads(const NetOffloads&, bool) override {
    if (refuse_offloads) {
      return make_error(ErrorCode::kSystem, "refused");
    }
    return success();
  }
  [[nodiscard]] Result<void> use_queues(std::size_t count) override {
    while (used != count) {
      const std::size_t next = used < count ? used + 1 : used - 1;
      if (next == refused) {
        return make_error(ErrorCode::kSystem, "refused");
      }
      used = next;
    }
    return success();
  }

  std::size_t used = 1;
  std::optional<std::size_t> refused;
  bool refuse_offloads = false;

 private:
  std::array<EventPort, kPairs> ports_;
};

// A device, and a driver of its transmit queues and its control queue.
struct Rig {
  GuestMemory memory = test::make_guest_memory((kPairs + 1) * DriverQueue::kSpan);
  RingFeatures layout{.indirect = false, .event_index = false, .packed = false};
  DriverQueue control{memory, kPairs* DriverQueue::kSpan, 16, layout};
  std::vector<std::unique_ptr<DriverQueue>> transmit;
  std::vector<EventFd> kicks;
  test::LinkRecorder link;
  StepBackend* backend = nullptr;
  Executor executor{"test-device"};
  std::unique_ptr<Net> net;

  Rig() {
    REQUIRE(executor.start().has_value());
    auto made = std::make_unique<StepBackend>();
    backend = made.get();
    net = std::make_unique<Net>(NetConfig{}, std::move(made), executor.context());
    std::vector<ActiveQueue> queues(2 * kPairs + 1);
    for (std::size_t i = 0; i <= kPairs; ++i) {
      kicks.push_back(EventFd::create().value());
    }
    for (std::size_t i = 0; i < kPairs; ++i) {
      transmit.push_back(std::make_unique<DriverQueue>(memory, i * DriverQueue::kSpan, 16, layout));
      const auto index = static_cast<std::uint16_t>(2 * i + 1);
      queues[index] = {transmit[i]->queue(), &kicks[i], index};
    }
    queues.back() = {control.queue(), &kicks[kPairs], 2 * kPairs};
    on_executor([&] { net->start(feature(kNetMultiQueue), std::move(queues), link); });
  }
  ~Rig() {
    on_executor([&] { static_cast<void>(net->stop()); });
  }

  template <class Task>
  void on_executor(Task task) {
    std::promise<void> done;
    boost::asio::post(executor.context(), [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  static bool wait_used(const DriverQueue& queue, std::uint16_t count) {
    return test::eventually([&] { return queue.used_index() == count; });
  }

  // The device's answer to the command that sets the number of pairs.
  std::uint8_t ask_for(std::uint8_t pairs) {
    const GuestAddress at = control.allocate(8);
    REQUIRE(memory.write(
        at, std::array<std::uint8_t, 5>{kNetGroupMultiQueue, kNetPairsSet, pairs, 0, 0xff}));
    control.add({{2, false, at}, {2, false, at + 2}, {1, true, at + 4}});
    kicks[kPairs].signal();
    REQUIRE(wait_used(control, ++asked));
    return memory.read<std::uint8_t>(at + 4).value();
  }

  // Whether a packet of this pair is completed.
  bool sends(std::size_t pair) {
    const GuestAddress at = transmit[pair]->allocate(100);
    REQUIRE(memory.write_bytes(at, make_packet(100)));
    transmit[pair]->add({{100, false, at}});
    kicks[pair].signal();
    return wait_used(*transmit[pair], ++sent[pair]);
  }

  std::uint16_t asked = 0;
  std::array<std::uint16_t, kPairs> sent{};
};

}  // namespace

TEST_CASE("The driver changes the number of queue pairs") {
  Rig rig;
  CHECK(rig.ask_for(3) == kNetOk);
  CHECK(rig.backend->used == 3);
  CHECK(rig.sends(2));
  CHECK(rig.ask_for(1) == kNetOk);
  CHECK(rig.backend->used == 1);
  CHECK(rig.sends(0));
  CHECK(rig.ask_for(0) == kNetError);
  CHECK(rig.ask_for(4) == kNetError);
}

TEST_CASE("When the backend refuses more pairs, their number stays") {
  Rig rig;
  rig.backend->refused = 3;
  CHECK(rig.ask_for(3) == kNetError);
  CHECK(rig.backend->used == 1);
  CHECK(rig.sends(0));
}

TEST_CASE("When the backend refuses fewer pairs, their number stays") {
  Rig rig;
  REQUIRE(rig.ask_for(3) == kNetOk);
  rig.backend->refused = 1;
  CHECK(rig.ask_for(1) == kNetError);
  CHECK(rig.backend->used == 3);
  CHECK(rig.sends(0));
  CHECK(rig.sends(2));
}

TEST_CASE("A guest that resets the device again and again can't flood the log") {
  constexpr std::size_t kStarts = 1000;
  boost::asio::io_context executor;
  test::LinkRecorder link;
  auto backend = std::make_unique<StepBackend>();
  backend->refuse_offloads = true;
  Net net(NetConfig{}, std::move(backend), executor);
  const test::LogCapture log;
  for (std::size_t i = 0; i < kStarts; ++i) {
    net.start(0, std::vector<ActiveQueue>(2 * kPairs + 1), link);
    static_cast<void>(net.stop());
  }
  CHECK(log.lines() > 0);
  CHECK(log.lines() < kStarts / 2);  // the burst and a line a second
}

}  // namespace bothy::virtio
