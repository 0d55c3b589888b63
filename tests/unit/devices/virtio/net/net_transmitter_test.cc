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
using State = NetProgress::State;

const NetTransmitter::Clock::time_point kNow{};

constexpr RingFeatures kSplit{};
constexpr RingFeatures kPacked{.indirect = false, .event_index = false, .packed = true};

struct Rig {
  VirtioDriver driver{16, GENERATE(kSplit, kPacked)};
  FakePort port;
  NetCounters counters;
  NetRateLimit limit;
  NetTransmitter transmitter;

  explicit Rig(RateLimit rate = {}) : limit(rate), transmitter(driver.queue(), limit, counters) {}

  State run() { return transmitter.run(&port, kNow).state; }

  // Makes a packet available in two descriptors, as Linux does: the header, then the rest.
  FakePort::Packet queue(std::uint32_t size, unsigned seed = 1) {
    auto packet = make_packet(size, seed);
    driver.add({{12}, {size - 12}});
    REQUIRE(driver.memory().write_bytes(driver.addresses()[0], std::span(packet).first(12)));
    REQUIRE(driver.memory().write_bytes(driver.addresses()[1], std::span(packet).subspan(12)));
    return packet;
  }
};

}  // namespace

TEST_CASE("Packets are sent in order, with one notification") {
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

TEST_CASE("A packet waits while the port is full") {
  Rig rig;
  const auto packet = rig.queue(100);
  rig.port.send_outcome = PacketOutcome::kAgain;
  CHECK(rig.run() == State::kNoRoom);
  CHECK(!rig.transmitter.needs_signal());
  SECTION("and is sent afterwards") {
    rig.port.send_outcome = PacketOutcome::kDone;
    CHECK(rig.run() == State::kIdle);
    CHECK(rig.port.sent == std::vector<FakePort::Packet>{packet});
  }
  SECTION("and is returned to the queue by stop()") {
    const QueueState state = rig.transmitter.stop();
    CHECK(state.next_available == 0);
    CHECK(state.next_used == 0);
  }
}

TEST_CASE("Chains of an impossible size are dropped and completed") {
  Rig rig;
  rig.driver.add({{11}});
  rig.driver.add({{100, true}});
  rig.driver.add({{static_cast<std::uint32_t>(PacketPort::kMaxBytes) + 1}});
  CHECK(rig.run() == State::kIdle);
  CHECK(rig.port.sent.empty());
  CHECK(rig.transmitter.needs_signal());
  CHECK(rig.driver.used_index() == 3);
  CHECK(rig.counters.dropped() == 3);
}

TEST_CASE("Packets are completed without a port, and with one that fails") {
  Rig rig;
  rig.queue(100);
  SECTION("no port") {
    CHECK(rig.transmitter.run(nullptr, kNow).state == State::kIdle);
  }
  SECTION("a port that refuses the packet") {
    rig.port.send_outcome = PacketOutcome::kDropped;
    CHECK(rig.run() == State::kIdle);
  }
  SECTION("a closed port") {
    rig.port.send_outcome = PacketOutcome::kGone;
    CHECK(rig.run() == State::kDisconnected);
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

TEST_CASE("The rate limit delays packets, and is charged once for each") {
  Rig rig({.operations = 20, .bytes = 0});  // a burst of two
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
    // A packet that was charged for and found the port full isn't charged for again.
    rig.port.send_outcome = PacketOutcome::kAgain;
    CHECK(rig.transmitter.run(&rig.port, now + 100us).state != State::kFault);
    rig.port.send_outcome = PacketOutcome::kDone;
  }
  CHECK(rounds >= 2);
}

}  // namespace bothy::virtio
