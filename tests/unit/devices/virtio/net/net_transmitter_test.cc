#include "devices/virtio/net/transmitter.h"

#include "tests/support/catch.h"
#include "tests/support/fake_port.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using namespace std::chrono_literals;
using test::FakePort;
using test::make_packet;
using test::VirtioDriver;
using State = Progress::State;

const NetTransmitter::Clock::time_point kNow{};

constexpr RingFeatures kSplit{};
constexpr RingFeatures kPacked{.indirect = false, .event_index = false, .packed = true};

struct Rig {
  VirtioDriver driver{16, GENERATE(kSplit, kPacked)};
  FakePort port;
  TrafficCounters counters;
  TrafficLimit limit;
  NetTransmitter transmitter;

  explicit Rig(RateLimit rate = {}) : limit(rate), transmitter(driver.queue(), limit, counters) {}

  State run() { return transmitter.run(&port, kNow).state; }

  // Queues a packet in two parts, as Linux does: the header, then the rest.
  FakePort::Packet queue(std::uint32_t size, unsigned seed = 1) {
    auto packet = make_packet(size, seed);
    driver.add({{12}, {size - 12}});
    REQUIRE(driver.memory().write_bytes(driver.addresses()[0], std::span(packet).first(12)));
    REQUIRE(driver.memory().write_bytes(driver.addresses()[1], std::span(packet).subspan(12)));
    return packet;
  }
};

}  // namespace

TEST_CASE("Packets go out whole and in order, for one signal") {
  Rig rig;
  const auto first = rig.queue(1000);
  const auto second = rig.queue(60, 9);
  CHECK(rig.run() == State::kIdle);
  CHECK(rig.port.sent == std::vector<FakePort::Packet>{first, second});
  CHECK(rig.transmitter.needs_signal());
  CHECK(!rig.transmitter.needs_signal());
  CHECK(rig.driver.used_index() == 2);
  CHECK(rig.driver.take()->length == 0);
  CHECK(rig.counters.packets() == 2);
  CHECK(rig.counters.bytes() == 988 + 48);
}

TEST_CASE("A packet waits for room in the port") {
  Rig rig;
  const auto packet = rig.queue(100);
  rig.port.send_outcome = PacketOutcome::kAgain;
  CHECK(rig.run() == State::kNoRoom);
  CHECK(!rig.transmitter.needs_signal());
  SECTION("and goes then") {
    rig.port.send_outcome = PacketOutcome::kDone;
    CHECK(rig.run() == State::kIdle);
    CHECK(rig.port.sent == std::vector<FakePort::Packet>{packet});
  }
  SECTION("or goes back to the queue") {
    const QueueState state = rig.transmitter.stop();
    CHECK(state.next_available == 0);
    CHECK(state.next_used == 0);
  }
}

TEST_CASE("What is no packet is dropped and given back") {
  Rig rig;
  rig.driver.add({{11}});
  rig.driver.add({{100, true}});
  rig.driver.add({{static_cast<std::uint32_t>(PacketPort::kMostBytes) + 1}});
  CHECK(rig.run() == State::kIdle);
  CHECK(rig.port.sent.empty());
  CHECK(rig.transmitter.needs_signal());
  CHECK(rig.driver.used_index() == 3);
  CHECK(rig.counters.dropped() == 3);
}

TEST_CASE("Without a port, and with one that fails, the driver still gets its buffers back") {
  Rig rig;
  rig.queue(100);
  SECTION("none") {
    CHECK(rig.transmitter.run(nullptr, kNow).state == State::kIdle);
  }
  SECTION("refuses") {
    rig.port.send_outcome = PacketOutcome::kDropped;
    CHECK(rig.run() == State::kIdle);
  }
  SECTION("gone") {
    rig.port.send_outcome = PacketOutcome::kGone;
    CHECK(rig.run() == State::kGone);
  }
  CHECK(rig.transmitter.needs_signal());
  CHECK(rig.driver.used_index() == 1);
  CHECK(rig.counters.dropped() == 1);
  CHECK(rig.counters.packets() == 0);
}

TEST_CASE("A broken transmit ring is a fault") {
  Rig rig;
  rig.driver.add({{100, false, VirtioDriver::kMemory}});
  CHECK(rig.run() == State::kFault);
  CHECK(rig.transmitter.fault().find("not in RAM") != std::string::npos);
  CHECK(rig.port.sent.empty());
}

TEST_CASE("A rate limit makes packets wait, and each pays once") {
  Rig rig({.operations = 20, .bytes = 0});  // two at once
  for (int i = 0; i < 4; ++i) {
    rig.queue(100);
  }
  auto now = NetTransmitter::Clock::now();
  std::size_t rounds = 0;
  while (rig.port.sent.size() < 4) {
    const auto progress = rig.transmitter.run(&rig.port, now);
    if (rig.port.sent.size() < 4) {
      REQUIRE(progress.state == State::kLimited);
      REQUIRE(progress.until);
      REQUIRE(*progress.until > now);
      now = *progress.until;
    }
    ++rounds;
    REQUIRE(rounds < 10);
    // One that was allowed and found no room isn't asked to pay again.
    rig.port.send_outcome = PacketOutcome::kAgain;
    CHECK(rig.transmitter.run(&rig.port, now + 100us).state != State::kFault);
    rig.port.send_outcome = PacketOutcome::kDone;
  }
  CHECK(rounds >= 2);
}

}  // namespace bothy::virtio
