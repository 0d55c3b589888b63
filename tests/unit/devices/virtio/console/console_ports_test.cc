// Console devices with VIRTIO_CONSOLE_F_MULTIPORT: ports and control messages.
#include "devices/virtio/console/console.h"
#include "tests/unit/devices/virtio/console/console_rig.h"

namespace bothy::virtio {
namespace {

// A device with a console and a plain port, whose driver is ready.
struct TwoPorts : ConsoleRig {
  TwoPorts() : ConsoleRig({{"", true, true}, {"agent", false, false}}, {80, 25}) {
    start(kMultiport | kSize);
    greet();
  }
  [[nodiscard]] std::string control() { return taken(2); }
};

}  // namespace

TEST_CASE("Control messages describe the ports to the driver") {
  TwoPorts rig;
  CHECK(rig.console().queue_sizes().size() == 6);
  CHECK(config<std::uint32_t>(rig.console(), 4) == 2);
  CHECK(rig.control() == rig.message(0, VIRTIO_CONSOLE_PORT_ADD, 1));
  CHECK(rig.control() == rig.message(1, VIRTIO_CONSOLE_PORT_ADD, 1));
  CHECK(rig.control() == "-");

  rig.send_control(0, VIRTIO_CONSOLE_PORT_READY, 1);
  CHECK(rig.control() == rig.message(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1));
  const std::string size{80, 0, 25, 0};
  CHECK(rig.control() == rig.message(0, VIRTIO_CONSOLE_RESIZE, 1) + size);
  CHECK(rig.control() == rig.message(0, VIRTIO_CONSOLE_PORT_OPEN, 1));

  rig.send_control(1, VIRTIO_CONSOLE_PORT_READY, 1);
  CHECK(rig.control() == rig.message(1, VIRTIO_CONSOLE_PORT_NAME, 1) + "agent");
  CHECK(rig.control() == "-");
  CHECK(rig.link().take_signalled() == std::vector<std::uint16_t>{2, 3, 2, 3, 2, 3});
}

TEST_CASE("The driver is sent new sizes, and clients that connect and disconnect") {
  TwoPorts rig;
  rig.send_control(0, VIRTIO_CONSOLE_PORT_READY, 1);
  rig.send_control(1, VIRTIO_CONSOLE_PORT_READY, 1);
  while (rig.control() != "-") {
  }
  rig.console().set_open(1, true);
  rig.console().resize({3, 2});
  rig.run();
  const std::string size{3, 0, 2, 0};
  CHECK(rig.control() == rig.message(1, VIRTIO_CONSOLE_PORT_OPEN, 1));
  CHECK(rig.control() == rig.message(0, VIRTIO_CONSOLE_RESIZE, 1) + size);
  CHECK(rig.control() == "-");
  CHECK(rig.link().config_changes() == 0);

  // Disconnected and connected again while the driver has no buffer: both are sent.
  while (rig.queue(2).available_index() != rig.queue(2).used_index()) {
    rig.console().set_open(1, false);
    rig.console().set_open(1, true);
    rig.run();
  }
  while (rig.control() != "-") {
  }
  rig.console().set_open(1, false);
  rig.console().set_open(1, true);
  rig.run();
  rig.offer(2, 128);
  rig.offer(2, 128);
  rig.kick(2);
  CHECK(rig.control() == rig.message(1, VIRTIO_CONSOLE_PORT_OPEN, 0));
  CHECK(rig.control() == rig.message(1, VIRTIO_CONSOLE_PORT_OPEN, 1));
}

TEST_CASE("A port takes input only while the guest has it open") {
  TwoPorts rig;
  const std::uint32_t port = GENERATE(0U, 1U);
  const std::size_t queue = port == 0 ? 0 : 4;
  int rooms = 0;
  rig.port(port).set_room_hook([&] { ++rooms; });
  rig.offer(queue, 8);
  CHECK(rig.port(port).receive(bytes("input")) == 0);
  rig.send_control(port, VIRTIO_CONSOLE_PORT_OPEN, 1);
  CHECK(rooms == 1);
  CHECK(rig.port(port).receive(bytes("input")) == 5);
  CHECK(rig.taken(queue) == "input");
  rig.send_control(port, VIRTIO_CONSOLE_PORT_OPEN, 0);
  rig.offer(queue, 8);
  CHECK(rig.port(port).receive(bytes("input")) == 0);
  rig.send(5, "to the host");
  CHECK(rig.sink(1).take() == "to the host");
  CHECK(rig.sink(0).take().empty());
}

TEST_CASE("A driver without MULTIPORT gets port 0") {
  ConsoleRig rig({{"main"}, {"agent", false}});
  rig.start(0);
  rig.offer(0, 8);
  CHECK(rig.port(0).receive(bytes("in")) == 2);
  rig.send(1, "out");
  CHECK(rig.sink(0).take() == "out");
  rig.send(5, "out");
  CHECK(rig.sink(1).take().empty());
}

TEST_CASE("Invalid control messages are ignored") {
  TwoPorts rig;
  while (rig.control() != "-") {
  }
  rig.send(3, "short");
  rig.send_control(2, VIRTIO_CONSOLE_PORT_READY, 1);
  rig.send_control(0xffffffff, VIRTIO_CONSOLE_PORT_OPEN, 1);
  rig.send_control(0, 77, 1);
  rig.send_control(0, VIRTIO_CONSOLE_PORT_ADD, 1);
  rig.send_control(1, VIRTIO_CONSOLE_PORT_READY, 0);
  rig.send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 0);
  CHECK(rig.control() == "-");
  CHECK(rig.link().why_parked().empty());
  rig.send_control(1, VIRTIO_CONSOLE_PORT_READY, 1);
  CHECK(rig.control() == rig.message(1, VIRTIO_CONSOLE_PORT_NAME, 1) + "agent");
}

TEST_CASE("A flood of control messages doesn't accumulate answers") {
  TwoPorts rig;
  for (int i = 0; i < 100; ++i) {
    rig.send_control(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
  }
  std::size_t answers = 0;
  while (rig.control() != "-") {
    ++answers;
  }
  CHECK(answers == 16);
  for (int i = 0; i < 16; ++i) {
    rig.offer(2, 128);
  }
  rig.kick(2);
  answers = 0;
  while (rig.control() != "-") {
    ++answers;
  }
  CHECK(answers == 2);
}

TEST_CASE("A buffer that is too small for its control message is used with length 0") {
  ConsoleRig rig({{"a", false}});
  rig.start(kMultiport);
  rig.offer(2, 4);
  rig.offer(2, 8);
  rig.send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
  rig.send_control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
  CHECK(rig.taken(2).empty());
  CHECK(rig.taken(2) == rig.message(0, VIRTIO_CONSOLE_PORT_ADD, 1));
}

TEST_CASE("stop() resets the state of the ports") {
  TwoPorts rig;
  rig.send_control(1, VIRTIO_CONSOLE_PORT_READY, 1);
  rig.stop();
  rig.console().set_open(1, true);
  rig.run();
  CHECK(rig.sink(1).take().empty());
}

}  // namespace bothy::virtio
