// Invalid packets and rings on a socket device, and resets.
#include "devices/virtio/vsock/vsock.h"
#include "tests/unit/devices/virtio/vsock/vsock_rig.h"

namespace bothy::virtio {
namespace {

using test::receive_text;
using test::send_text;
using test::unix_connect;
using test::VsockRig;

}  // namespace

TEST_CASE("Invalid packets are answered with a reset, or dropped") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  VsockHeader header = rig.header(VsockOp::kData, stream.ports);
  SECTION("an unknown type: the reset has the same type") {
    header.type = 7;
    header.op = VsockOp::kRequest;
    rig.send(header);
    CHECK(rig.expect(VsockOp::kReset).header.type == 7);
    rig.send(VsockOp::kData, stream.ports, "still there");
    CHECK(receive_text(stream.host) == "still there");
  }
  SECTION("an unknown operation") {
    header.op = static_cast<VsockOp>(99);
    rig.send(header);
    rig.expect(VsockOp::kReset);
    CHECK(!receive_text(stream.host).has_value());
  }
  SECTION("a second request") {
    header.op = VsockOp::kRequest;
    rig.send(header);
    rig.expect(VsockOp::kReset);
    CHECK(!receive_text(stream.host).has_value());
  }
  SECTION("a second response") {
    header.op = VsockOp::kResponse;
    rig.send(header);
    rig.expect(VsockOp::kReset);
  }
  SECTION("an incomplete payload") {
    header.length = 5000;
    rig.send_raw(header, "short");
    rig.expect(VsockOp::kReset);
    CHECK(!receive_text(stream.host).has_value());
  }
  SECTION("data of a stream that doesn't exist") {
    header.source_port = 1;
    rig.send(header, "to whom?");
    CHECK(rig.expect(VsockOp::kReset).header.destination_port == 1);
  }
  SECTION("a reset of a stream that doesn't exist: no answer") {
    header.source_port = 1;
    header.op = VsockOp::kReset;
    rig.send(header);
    rig.expect_nothing();
  }
  SECTION("a foreign CID") {
    header.source_cid = 4;
    rig.send(header, "not me");
    header.source_cid = VsockRig::kCid;
    header.destination_cid = 5;
    rig.send(header, "not you");
    rig.expect_nothing();
    CHECK(receive_text(stream.host) == "");
  }
  SECTION("an incomplete header") {
    rig.transmit.add({{20, false}});
    rig.kick(1);
    rig.expect_nothing();
    CHECK(rig.transmit.take().has_value());
  }
  CHECK(rig.parked.empty());
}

TEST_CASE("A packet carries a bounded payload, however large the buffer") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  rig.refill = false;
  while (rig.take()) {
  }
  const std::uint32_t window = 1U << 20U;
  VsockHeader update = rig.header(VsockOp::kCreditUpdate, stream.ports);
  update.buffer_size = window;
  rig.send(update);
  const std::string text(150U << 10U, 'x');
  REQUIRE(send_text(stream.host, text));
  rig.run();  // fills the small buffers of the rig
  while (rig.take()) {
  }
  rig.offer_more(1, window / 4);
  rig.run();
  const auto packet = rig.take();
  REQUIRE(packet.has_value());
  CHECK(packet->payload.size() == 64U << 10U);
}

TEST_CASE("Packets stay in the ring while too many resets wait for buffers") {
  VsockRig rig(0);
  std::size_t taken = 0;
  do {
    rig.send(VsockOp::kData, {1, 2}, "x");
    taken += rig.taken ? 1 : 0;
  } while (rig.taken);
  CHECK(taken == VsockMuxer::kMaxReplies);
}

TEST_CASE("A broken ring or a too small receive buffer makes the device need a reset") {
  VsockRig rig(1);
  auto stream = rig.connect_to_guest(1024);
  SECTION("transmit") {
    rig.transmit.break_ring();
    rig.kick(1);
    rig.run();
  }
  SECTION("receive") {
    rig.refill = false;
    REQUIRE(send_text(stream.host, "a"));
    rig.expect(VsockOp::kData);
    rig.receive.add({{44, true}});
    REQUIRE(send_text(stream.host, "b"));
    rig.run();
  }
  CHECK(rig.parked.size() == 1);
  CHECK(!receive_text(stream.host).has_value());
}

TEST_CASE("A reset closes all streams, and the device can be started again") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  rig.stop();
  CHECK(!receive_text(stream.host).has_value());
  // A client that connects without a driver waits for the next one.
  const UniqueFd early = unix_connect(rig.path);
  REQUIRE(send_text(early, "CONNECT 3\n"));
  rig.start();
  CHECK(rig.expect(VsockOp::kRequest).header.destination_port == 3);
}

TEST_CASE("A transport reset closes all streams and sends an event") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  rig.device->reset_transport();
  rig.run();
  CHECK(!receive_text(stream.host).has_value());
  CHECK(rig.signals[2] == 0);  // the event queue has no buffer yet
  rig.events.add({{4, true}});
  rig.kick(2);
  rig.run();
  const auto used = rig.events.take();
  REQUIRE(used.has_value());
  CHECK(used->length == 4);
  CHECK(rig.memory.read<std::uint32_t>(rig.events.addresses()[0]) == 0U);
  CHECK(rig.signals[2] == 1);
}

TEST_CASE("The config space has the CID") {
  VsockRig rig;
  std::uint64_t cid = 0;
  rig.device->read_config(0, std::as_writable_bytes(std::span(&cid, 1)));
  CHECK(cid == 3);
  std::uint32_t half = 7;
  rig.device->read_config(4, std::as_writable_bytes(std::span(&half, 1)));
  CHECK(half == 0);
}

TEST_CASE("Reserved CIDs are refused") {
  const test::TemporaryDirectory directory;
  boost::asio::io_context executor;
  const std::uint32_t cid = GENERATE(0U, 1U, 2U, 0xffffffffU);
  const auto device = Vsock::create({directory / "vsock", cid}, executor);
  REQUIRE(!device);
  CHECK(device.error().code == ErrorCode::kInvalid);
  CHECK(device.error().context.find("CID") != std::string::npos);
}

}  // namespace bothy::virtio
