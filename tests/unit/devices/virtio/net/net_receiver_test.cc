#include "devices/virtio/net/receiver.h"

#include "devices/virtio/net/layout.h"
#include "tests/support/catch.h"
#include "tests/support/fake_port.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using namespace std::chrono_literals;
using test::FakePort;
using test::make_packet;
using test::VirtioDriver;
using Buffer = VirtioDriver::Buffer;
using State = NetProgress::State;

constexpr std::size_t kSmall = 1526;
const NetReceiver::Clock::time_point kNow{};

constexpr RingFeatures kSplit{};
constexpr RingFeatures kPacked{.indirect = false, .event_index = false, .packed = true};

// A receiver, and the driver of its queue of 16 entries, split or packed.
struct Rig {
  VirtioDriver driver{16, GENERATE(kSplit, kPacked)};
  FakePort port;
  NetCounters counters;
  NetRateLimit limit;
  NetReceiver receiver;

  explicit Rig(bool mergeable, std::size_t expected = kSmall, RateLimit rate = {})
      : limit(rate), receiver(driver.queue(), mergeable, expected, limit, counters) {}

  State run(NetReceiver::Clock::time_point now = kNow) { return receiver.run(port, now).state; }

  // Makes buffers of `size` bytes available and returns their addresses.
  std::vector<GuestAddress> offer(std::size_t count, std::uint32_t size) {
    std::vector<GuestAddress> addresses;
    for (std::size_t i = 0; i < count; ++i) {
      driver.add({{size, true}});
      addresses.push_back(driver.addresses().front());
    }
    return addresses;
  }
  // The bytes at an address.
  [[nodiscard]] FakePort::Packet bytes(GuestAddress address, std::size_t length) const {
    const auto slice = driver.memory().slice(address, length).value();
    return {slice.begin(), slice.end()};
  }
  [[nodiscard]] std::uint16_t buffers_of_packet(GuestAddress address) const {
    return driver.memory().read<std::uint16_t>(address + kNetNumBuffersOffset).value();
  }
  std::size_t completed() {
    static_cast<void>(receiver.needs_signal());
    return driver.used_index();
  }
};

// The packet without its header, which the device changes.
FakePort::Packet body(FakePort::Packet packet) {
  packet.erase(packet.begin(), packet.begin() + PacketPort::kHeader);
  return packet;
}

}  // namespace

TEST_CASE("A packet that fits takes one buffer") {
  const bool mergeable = GENERATE(false, true);
  Rig rig(mergeable);
  const auto buffers = rig.offer(3, 2048);
  rig.port.to_receive = {make_packet(1000), make_packet(60, 7)};
  CHECK(rig.run() == State::kIdle);
  CHECK(rig.receiver.needs_signal());
  CHECK(rig.driver.used_index() == 2);
  CHECK(rig.driver.take()->length == 1000);
  CHECK(rig.driver.take()->length == 60);
  CHECK(rig.bytes(buffers[0] + 12, 988) == body(make_packet(1000)));
  CHECK(rig.bytes(buffers[1] + 12, 48) == body(make_packet(60, 7)));
  CHECK(rig.buffers_of_packet(buffers[0]) == 1);
  CHECK(rig.buffers_of_packet(buffers[1]) == 1);
  CHECK(rig.counters.packets() == 2);
  CHECK(rig.counters.bytes() == 988 + 48);
}

TEST_CASE("A large packet takes several mergeable buffers") {
  Rig rig(true, PacketPort::kMaxBytes);
  const auto buffers = rig.offer(4, 1000);
  rig.port.to_receive = {make_packet(2500)};
  CHECK(rig.run() == State::kIdle);
  CHECK(rig.completed() == 3);
  CHECK(rig.driver.take()->length == 1000);
  CHECK(rig.driver.take()->length == 1000);
  CHECK(rig.driver.take()->length == 500);
  CHECK(rig.buffers_of_packet(buffers[0]) == 3);
  const auto packet = make_packet(2500);
  CHECK(rig.bytes(buffers[1], 1000) ==
        FakePort::Packet(packet.begin() + 1000, packet.begin() + 2000));
  CHECK(rig.bytes(buffers[2], 500) == FakePort::Packet(packet.begin() + 2000, packet.end()));
}

TEST_CASE("A packet is scattered over the descriptors of one chain") {
  Rig rig(GENERATE(false, true));
  rig.driver.add({{11, true}, {5, true}, {3000, true}});
  const auto at = rig.driver.addresses();
  rig.port.to_receive = {make_packet(100)};
  CHECK(rig.run() == State::kNoRoom);  // no buffer for another packet
  CHECK(rig.completed() == 1);
  CHECK(rig.driver.take()->length == 100);
  // num_buffers lies across the first two.
  CHECK(rig.driver.memory().read<std::uint8_t>(at[0] + 10) == 1);
  CHECK(rig.driver.memory().read<std::uint8_t>(at[1]) == 0);
  const auto packet = make_packet(100);
  CHECK(rig.bytes(at[2], 84) == FakePort::Packet(packet.begin() + 16, packet.end()));
}

TEST_CASE("Without merging, a packet that doesn't fit the first buffer is dropped, not truncated") {
  Rig rig(false);
  const auto buffers = rig.offer(2, 200);
  rig.port.to_receive = {make_packet(201), make_packet(200, 3)};
  CHECK(rig.run() == State::kIdle);
  CHECK(rig.completed() == 1);
  CHECK(rig.driver.take()->length == 200);
  CHECK(rig.bytes(buffers[0] + 12, 188) == body(make_packet(200, 3)));
  CHECK(rig.counters.dropped() == 1);
  CHECK(rig.counters.packets() == 1);
}

TEST_CASE("Without buffers the port is not read") {
  Rig rig(true);
  rig.port.to_receive = {make_packet(100)};
  CHECK(rig.run() == State::kNoRoom);
  CHECK(rig.port.receive_calls == 0);
  CHECK(!rig.receiver.needs_signal());
  rig.offer(1, 2048);
  CHECK(rig.run() == State::kNoRoom);  // the packet has taken the buffer
  CHECK(rig.completed() == 1);
}

TEST_CASE("A packet that is larger than the available buffers waits for more") {
  Rig rig(true, PacketPort::kMaxBytes);
  const auto first = rig.offer(2, 1000);
  rig.port.to_receive = {make_packet(4500), make_packet(100)};
  const auto progress = rig.receiver.run(rig.port, kNow);
  CHECK(progress.state == State::kNoRoom);
  CHECK(progress.until == kNow + NetReceiver::kBufferTimeout);
  CHECK(rig.completed() == 0);
  const auto more = rig.offer(1, 1000);
  CHECK(rig.run(kNow + 50ms) == State::kNoRoom);
  CHECK(rig.completed() == 0);
  SECTION("and is completed when there are enough") {
    const auto last = rig.offer(3, 1000);
    CHECK(rig.run(kNow + 99ms) == State::kNoRoom);  // no buffer for a third packet
    CHECK(rig.completed() == 6);
    CHECK(rig.buffers_of_packet(first[0]) == 5);
    const auto packet = make_packet(4500);
    const auto part = [&](std::size_t from, std::size_t to) {
      return FakePort::Packet(packet.begin() + static_cast<std::ptrdiff_t>(from),
                              packet.begin() + static_cast<std::ptrdiff_t>(to));
    };
    CHECK(rig.bytes(first[0] + 12, 988) == part(12, 1000));
    CHECK(rig.bytes(first[1], 1000) == part(1000, 2000));
    CHECK(rig.bytes(more[0], 1000) == part(2000, 3000));
    CHECK(rig.bytes(last[0], 1000) == part(3000, 4000));
    CHECK(rig.bytes(last[1], 500) == part(4000, 4500));
    CHECK(rig.counters.dropped() == 0);
  }
  SECTION("and is dropped after the timeout") {
    CHECK(rig.run(kNow + 100ms) == State::kIdle);
    CHECK(rig.completed() == 1);
    CHECK(rig.driver.take()->length == 100);
    CHECK(rig.counters.dropped() == 1);
  }
}

TEST_CASE("A receive buffer that is too small for a header is a fault") {
  Rig rig(GENERATE(false, true), 10000);
  rig.offer(2, 2048);
  if (GENERATE(false, true)) {
    rig.driver.add({{11, true}});
  } else {
    rig.driver.add({{2048, false}});
  }
  CHECK(rig.run() == State::kFault);
  CHECK(rig.receiver.fault().find("too small") != std::string::npos);
  CHECK(rig.port.receive_calls == 0);
  CHECK(rig.receiver.stop().next_available == 0);
}

TEST_CASE("A broken ring is a fault") {
  Rig rig(true, PacketPort::kMaxBytes);
  rig.offer(2, 2048);
  rig.driver.break_ring();
  CHECK(rig.run() == State::kFault);
  CHECK(!rig.receiver.fault().empty());
  CHECK(rig.port.receive_calls == 0);
  static_cast<void>(rig.receiver.stop());
}

TEST_CASE("A chain may have more descriptors than a system call takes") {
  VirtioDriver driver(16, {.indirect = true, .event_index = false});
  FakePort port;
  NetCounters counters;
  NetRateLimit limit({});
  NetReceiver receiver(driver.queue(), true, PacketPort::kMaxBytes, limit, counters);
  driver.add_indirect(std::vector<Buffer>(Queue::kMaxBuffers, Buffer{16, true}));
  const auto at = driver.addresses();
  const std::size_t size = Queue::kMaxBuffers * 16;
  port.to_receive = {make_packet(size)};
  CHECK(receiver.run(port, kNow).state == State::kNoRoom);
  CHECK(receiver.needs_signal());
  CHECK(driver.take()->length == size);
  const auto packet = make_packet(size);
  const auto last = driver.memory().slice(at.back(), 16).value();
  CHECK(std::equal(last.begin(), last.end(), packet.end() - 16));
}

TEST_CASE("stop() returns unused buffers to the queue") {
  Rig rig(true, PacketPort::kMaxBytes);
  rig.offer(5, 2048);
  rig.port.to_receive = {make_packet(3000)};
  CHECK(rig.run() == State::kIdle);
  const QueueState state = rig.receiver.stop();
  CHECK(rig.driver.used_index() == 2);
  CHECK(state.next_available == 2);
  CHECK(state.next_used == 2);
}

TEST_CASE("A closed port is reported, and dropped packets are counted") {
  Rig rig(true);
  rig.offer(2, 2048);
  rig.port.empty_outcome = PacketOutcome::kGone;
  CHECK(rig.run() == State::kDisconnected);
  rig.port.empty_outcome = PacketOutcome::kDropped;
  CHECK(rig.run() == State::kMore);  // after one batch
  CHECK(rig.counters.dropped() == 64);
}

TEST_CASE("The rate limit delays the packet after the one that reached it") {
  Rig rig(true, kSmall, {.operations = 10, .bytes = 0});
  rig.offer(8, 2048);
  rig.port.to_receive = {make_packet(100), make_packet(100), make_packet(100)};
  const auto now = NetReceiver::Clock::now();
  const auto progress = rig.receiver.run(rig.port, now);
  CHECK(progress.state == State::kLimited);
  REQUIRE(progress.until);
  CHECK(*progress.until > now);
  const std::size_t before = rig.completed();
  CHECK(before < 3);
  CHECK(rig.run(*progress.until + 1ms) != State::kFault);
  CHECK(rig.completed() > before);
}

TEST_CASE("A turn receives one batch") {
  VirtioDriver driver(128);
  FakePort port;
  NetCounters counters;
  NetRateLimit limit({});
  NetReceiver receiver(driver.queue(), true, kSmall, limit, counters);
  for (int i = 0; i < 100; ++i) {
    driver.add({{1600, true}});
    port.to_receive.push_back(make_packet(60));
  }
  CHECK(receiver.run(port, kNow).state == State::kMore);
  CHECK(receiver.needs_signal());
  CHECK(driver.used_index() == 64);
  CHECK(receiver.run(port, kNow).state == State::kNoRoom);
  CHECK(receiver.needs_signal());
  CHECK(driver.used_index() == 100);
}

}  // namespace bothy::virtio
