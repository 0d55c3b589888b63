#include "devices/virtio/vsock/vsock.h"

#include <filesystem>

#include "tests/unit/devices/virtio/vsock/vsock_rig.h"

namespace bothy::virtio {
namespace {

using test::receive_text;
using test::send_text;
using test::unix_accept;
using test::unix_connect;
using test::unix_listen;
using test::VsockRig;

std::string pattern(std::size_t length) {
  std::string text(length, '\0');
  for (std::size_t i = 0; i < length; ++i) {
    text[i] = static_cast<char>((i * 31 + i / 251) & 0xff);
  }
  return text;
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("A client of the host connects to the guest, and data goes both ways") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  REQUIRE(send_text(stream.host, "hello guest"));
  const auto data = rig.expect(VsockOp::kData);
  CHECK(data.payload == "hello guest");
  CHECK(data.header.source_port == stream.ports.host);
  CHECK(data.header.destination_port == 1024);
  CHECK(data.header.type == kVsockStream);
  rig.send(VsockOp::kData, stream.ports, "hello host");
  CHECK(receive_text(stream.host) == "hello host");
  CHECK(rig.signals[0] > 0);
  CHECK(rig.signals[1] > 0);
}

TEST_CASE("The guest connects to a socket of the host, and data goes both ways") {
  VsockRig rig;
  const UniqueFd listener = unix_listen(rig.port_path(52));
  const auto stream = rig.connect_to_host(5000, 52, listener);
  CHECK(rig.window == VsockMuxer::kMaxWindow);
  rig.send(VsockOp::kData, stream.ports, "hello host");
  CHECK(receive_text(stream.host) == "hello host");
  REQUIRE(send_text(stream.host, "hello guest"));
  CHECK(rig.expect(VsockOp::kData).payload == "hello guest");
}

TEST_CASE("A connection to a port without a listener is reset") {
  VsockRig rig;
  rig.send(VsockOp::kRequest, {5000, 52});
  const auto reset = rig.expect(VsockOp::kReset);
  CHECK(reset.header.source_port == 52);
  CHECK(reset.header.destination_port == 5000);
}

TEST_CASE("Bytes right after the handshake line are data for the guest") {
  VsockRig rig;
  const UniqueFd host = unix_connect(rig.path);
  REQUIRE(send_text(host, "CONN"));
  rig.expect_nothing();
  REQUIRE(send_text(host, "ECT 7\nearly"));
  const auto request = rig.expect(VsockOp::kRequest);
  rig.send(VsockOp::kResponse, {7, request.header.source_port});
  CHECK(rig.expect(VsockOp::kData).payload == "early");
}

TEST_CASE("A client with an invalid handshake is disconnected") {
  VsockRig rig;
  const std::string line = GENERATE(
      "HELLO 7\n", "CONNECT\n", "CONNECT \n", "CONNECT seven\n", "CONNECT 7 \n", "CONNECT -1\n",
      "CONNECT 4294967295\n", "CONNECT 4294967296\n", "CONNECT 00000000000000000000000000000007\n",
      "a line that is longer than any handshake, and has no newline");
  const UniqueFd host = unix_connect(rig.path);
  REQUIRE(send_text(host, line));
  rig.expect_nothing();
  CHECK(!receive_text(host).has_value());
}

TEST_CASE("A client that disconnects during the handshake is removed") {
  VsockRig rig;
  const auto before = open_descriptors();
  {
    const UniqueFd host = unix_connect(rig.path);
    REQUIRE(send_text(host, "CONN"));
    rig.expect_nothing();
    CHECK(open_descriptors() == before + 2);
  }
  rig.expect_nothing();
  CHECK(open_descriptors() == before);
}

TEST_CASE("A client is disconnected when the guest refuses the connection") {
  VsockRig rig;
  const UniqueFd host = unix_connect(rig.path);
  REQUIRE(send_text(host, "CONNECT 9\n"));
  const auto request = rig.expect(VsockOp::kRequest);
  rig.send(VsockOp::kReset, {9, request.header.source_port});
  CHECK(!receive_text(host).has_value());
  rig.expect_nothing();
}

TEST_CASE("A host that shuts down sending still receives") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  REQUIRE(send_text(stream.host, "last words"));
  ::shutdown(stream.host.get(), SHUT_WR);
  CHECK(rig.expect(VsockOp::kData).payload == "last words");
  CHECK(rig.expect(VsockOp::kShutdown).header.flags == kVsockNoSend);
  rig.send(VsockOp::kData, stream.ports, "an answer");
  CHECK(receive_text(stream.host) == "an answer");
  SECTION("until the guest shuts down sending too") {
    rig.send_shutdown(stream.ports, kVsockNoSend);
    CHECK(!receive_text(stream.host).has_value());
    CHECK(rig.expect(VsockOp::kShutdown).header.flags == kVsockNeither);
    rig.send(VsockOp::kReset, stream.ports);
    rig.expect_nothing();
  }
  SECTION("until the guest closes") {
    rig.send_shutdown(stream.ports, kVsockNeither);
    CHECK(!receive_text(stream.host).has_value());
    CHECK(rig.expect(VsockOp::kReset).header.destination_port == 1024);
  }
}

TEST_CASE("A guest that shuts down sending still receives") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  rig.send(VsockOp::kData, stream.ports, "last words");
  rig.send_shutdown(stream.ports, kVsockNoSend);
  CHECK(receive_text(stream.host) == "last words");
  CHECK(!receive_text(stream.host).has_value());
  REQUIRE(send_text(stream.host, "an answer"));
  CHECK(rig.expect(VsockOp::kData).payload == "an answer");
  rig.send(VsockOp::kData, stream.ports, "not allowed any more");
  CHECK(rig.expect(VsockOp::kReset).header.source_port == stream.ports.host);
}

TEST_CASE("A guest that shuts down receiving can still send") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  rig.send_shutdown(stream.ports, kVsockNoReceive);
  CHECK(!send_text(stream.host, "no peer reads this"));
  rig.send(VsockOp::kData, stream.ports, "but this");
  CHECK(receive_text(stream.host) == "but this");
}

TEST_CASE("A client that closes its socket ends the stream") {
  VsockRig rig;
  auto stream = rig.connect_to_guest(1024);
  REQUIRE(send_text(stream.host, "last words"));
  stream.host.reset();
  CHECK(rig.expect(VsockOp::kData).payload == "last words");
  CHECK(rig.expect(VsockOp::kShutdown).header.flags == kVsockNeither);
  rig.send(VsockOp::kData, stream.ports, "sent before it knew");
  rig.expect_nothing();
  SECTION("and the guest sends a reset") {
    rig.send(VsockOp::kReset, stream.ports);
    rig.expect_nothing();
  }
  SECTION("and the guest closes too") {
    rig.send_shutdown(stream.ports, kVsockNeither);
    rig.expect(VsockOp::kReset);
  }
  // The ports are free.
  rig.send(VsockOp::kData, stream.ports, "to nobody");
  rig.expect(VsockOp::kReset);
}

TEST_CASE("A client that closes before the guest has answered is removed") {
  VsockRig rig;
  UniqueFd host = unix_connect(rig.path);
  REQUIRE(send_text(host, "CONNECT 9\n"));
  const auto request = rig.expect(VsockOp::kRequest);
  host.reset();
  CHECK(rig.expect(VsockOp::kReset).header.source_port == request.header.source_port);
}

TEST_CASE("The guest is sent no more than its credit") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  const std::string text = pattern(VsockRig::kWindow + 1000);
  REQUIRE(send_text(stream.host, text));
  std::string got;
  while (got.size() < VsockRig::kWindow) {
    got += rig.expect(VsockOp::kData).payload;
  }
  CHECK(got.size() == VsockRig::kWindow);
  rig.expect(VsockOp::kCreditRequest);
  rig.expect_nothing();
  rig.send(VsockOp::kCreditUpdate, stream.ports);  // no new credit: no new request
  rig.expect_nothing();
  rig.forwarded = VsockRig::kWindow;
  rig.send(VsockOp::kCreditUpdate, stream.ports);
  got += rig.expect(VsockOp::kData).payload;
  CHECK(got == text);
}

TEST_CASE("A guest with an invalid fwd_cnt is sent no data") {
  VsockRig rig;
  const auto stream = rig.connect_to_guest(1024);
  rig.forwarded = 1;  // no data was sent
  rig.send(VsockOp::kCreditUpdate, stream.ports);
  REQUIRE(send_text(stream.host, "hello"));
  rig.expect(VsockOp::kCreditRequest);
  rig.expect_nothing();
}

TEST_CASE("Data for a slow reader is stored, up to the window") {
  VsockRig rig;
  const UniqueFd listener = unix_listen(rig.port_path(52));
  const auto stream = rig.connect_to_host(5000, 52, listener);
  const std::string text = pattern(2U << 20U);
  // Fill the socket, then the window.
  std::uint32_t sent = 0;
  std::uint32_t forwarded = 0;
  while (sent - forwarded < rig.window) {
    const std::uint32_t room = rig.window - (sent - forwarded);
    rig.send(VsockOp::kData, stream.ports, text.substr(sent, std::min(room, 64U << 10U)));
    REQUIRE(rig.taken);
    sent += std::min(room, 64U << 10U);
    while (const auto packet = rig.take()) {
      REQUIRE(packet->header.op == VsockOp::kCreditUpdate);
    }
    rig.send(VsockOp::kCreditRequest, stream.ports);
    forwarded = rig.expect(VsockOp::kCreditUpdate).header.forwarded;
  }
  SECTION("the reader gets all of it, and the guest may send more") {
    std::string got;
    while (got.size() < sent) {
      const auto more = receive_text(stream.host);
      REQUIRE(more.has_value());
      REQUIRE(!more->empty());
      got += *more;
      rig.run();
    }
    REQUIRE(got == text.substr(0, sent));
    const auto update = rig.expect(VsockOp::kCreditUpdate);
    CHECK(update.header.forwarded > forwarded);
    rig.send(VsockOp::kData, stream.ports, "more");
    CHECK(receive_text(stream.host) == "more");
  }
  SECTION("a byte more than the window ends the stream") {
    rig.send(VsockOp::kData, stream.ports, "!");
    rig.expect(VsockOp::kReset);
  }
  SECTION("a guest that closes doesn't wait, and the reader gets the rest") {
    rig.send_shutdown(stream.ports, kVsockNeither);
    rig.expect(VsockOp::kReset);
    // The ports can be reused while the old stream drains.
    const auto again = rig.connect_to_host(5000, 52, listener);
    std::size_t got = 0;
    while (const auto more = receive_text(stream.host)) {
      REQUIRE(!more->empty());
      got += more->size();
      rig.run();
    }
    CHECK(got == sent);
    rig.send(VsockOp::kData, again.ports, "fresh");
    CHECK(receive_text(again.host) == "fresh");
  }
  SECTION("a reader that disconnects frees the window") {
    const auto before = rig.signals;
    ::shutdown(stream.host.get(), SHUT_RDWR);
    rig.run();
    CHECK(rig.signals[0] > before[0]);
    bool over = false;
    while (const auto packet = rig.take()) {
      over = over || (packet->header.op == VsockOp::kShutdown);
    }
    CHECK(over);
  }
}

TEST_CASE("Streams take turns") {
  VsockRig rig(2);
  const auto first = rig.connect_to_guest(1);
  const auto second = rig.connect_to_guest(2);
  rig.refill = false;
  while (rig.take()) {
  }
  const std::string text = pattern(20000);
  REQUIRE(send_text(first.host, text));
  REQUIRE(send_text(second.host, text));
  rig.run();
  const auto one = rig.take();
  const auto other = rig.take();
  REQUIRE(one.has_value());
  REQUIRE(other.has_value());
  CHECK(one->header.destination_port != other->header.destination_port);
}

TEST_CASE("Nothing is read from the host while the guest has no buffer") {
  VsockRig rig(4);
  const auto stream = rig.connect_to_guest(1024);
  rig.refill = false;
  const std::string text = pattern(6 * 4096);
  REQUIRE(send_text(stream.host, text));
  rig.run();
  std::string got;
  while (const auto packet = rig.take()) {
    got += packet->payload;
  }
  CHECK(got.size() == 4 * (4096 - kVsockHeaderSize));
  rig.refill = true;
  rig.offer_more(4);
  rig.run();
  while (const auto packet = rig.take()) {
    got += packet->payload;
  }
  CHECK(got == text);
}

}  // namespace bothy::virtio
