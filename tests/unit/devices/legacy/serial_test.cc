#include "devices/legacy/serial.h"

#include <algorithm>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/devices/legacy/serial_rig.h"

namespace bothy {

TEST_CASE("Polled output, as early printk does it") {
  SerialRig rig;
  rig.out(kLcr, 3);
  rig.out(kIer, 0);
  rig.out(kFcr, 0);
  rig.out(kMcr, 3);
  rig.out(kLcr, 0x83);
  rig.out(kDll, 1);
  rig.out(kDlm, 0);
  rig.out(kLcr, 3);
  for (const char c : std::string_view("hello\r\n")) {
    REQUIRE((rig.in(kLsr)&0x60U) == 0x60);
    rig.out(kThr, static_cast<unsigned char>(c));
  }
  CHECK(rig.sink.take() == "hello\r\n");
  CHECK_FALSE(rig.interrupted());
}

TEST_CASE("The divisor latch hides data and IER") {
  SerialRig rig;
  rig.out(kIer, 5);
  rig.out(kLcr, 0x83);
  rig.out(kDll, 0x34);
  rig.out(kDlm, 0x12);
  CHECK(rig.driver.in<std::uint16_t>(kDll) == 0x1234);
  CHECK(rig.sink.take().empty());
  rig.out(kLcr, 3);
  CHECK(rig.in(kIer) == 5);
  CHECK(rig.in(kLcr) == 3);
  CHECK(rig.serial.save().divisor == 0x1234);
}

TEST_CASE("A sent byte interrupts once, until IIR has been read") {
  SerialRig rig;
  rig.open(0x02);
  CHECK(rig.in(kIir) == 0xc2);
  for (int i = 0; i < 16; ++i) {
    rig.out(kThr, 'x');
  }
  // One edge for the burst: it costs a system call.
  CHECK(rig.interrupt.event().drain() == 1);
  CHECK(rig.in(kIir) == 0xc2);
  CHECK(rig.in(kIir) == 0xc1);
  CHECK_FALSE(rig.interrupted());
  rig.out(kThr, 'y');
  CHECK(rig.interrupted());
}

TEST_CASE("Received bytes interrupt: at the trigger level as data, below it as a timeout") {
  SerialRig rig;
  rig.open(0x01, 0x81);  // trigger at 8
  CHECK(rig.serial.receive(bytes("abcdefgh")) == 8);
  CHECK(rig.interrupted());
  CHECK(rig.in(kIir) == 0xc4);
  CHECK(rig.interrupted());  // still pending after the read
  CHECK(rig.in(kLsr) == 0x61);
  CHECK(rig.in(kRbr) == 'a');
  CHECK(rig.interrupted());  // the rest, by timeout
  CHECK(rig.in(kIir) == 0xcc);
  CHECK(rig.interrupted());
  for (const char c : std::string_view("bcdefgh")) {
    CHECK(rig.received() == c);
  }
  CHECK_FALSE(rig.interrupted());
  CHECK(rig.in(kIir) == 0xc1);
  CHECK(rig.in(kLsr) == 0x60);
  CHECK(rig.in(kRbr) == 0);
}

TEST_CASE("A full FIFO accepts no bytes, and reports when it has room") {
  SerialRig rig;
  rig.open(0x01);
  int calls = 0;
  rig.serial.set_room_hook([&calls] { ++calls; });
  CHECK(rig.serial.receive(bytes("0123456789abcdefgh")) == 16);
  CHECK(rig.serial.receive(bytes("gh")) == 0);
  for (int i = 0; i < 15; ++i) {
    static_cast<void>(rig.in(kRbr));
  }
  CHECK(calls == 0);
  CHECK(rig.in(kRbr) == 'f');
  CHECK(calls == 1);
  CHECK(rig.serial.receive(bytes("gh")) == 2);
  CHECK(rig.in(kRbr) == 'g');
  CHECK(rig.in(kRbr) == 'h');
  CHECK(calls == 1);
  CHECK(rig.serial.receive(bytes("0123456789abcdef!")) == 16);
  rig.out(kFcr, 0x83);  // a reset makes room too
  CHECK(calls == 2);
  rig.serial.set_room_hook({});
  CHECK(rig.serial.receive(bytes("0123456789abcdef!")) == 16);
  rig.out(kFcr, 0);
}

TEST_CASE("Without FIFOs the receiver holds one byte") {
  SerialRig rig;
  rig.open(0x01, 0);
  CHECK(rig.serial.receive(bytes("ab")) == 1);
  CHECK(rig.in(kIir) == 4);
  CHECK(rig.in(kRbr) == 'a');
  CHECK(rig.serial.receive(bytes("b")) == 1);
  CHECK(rig.in(kRbr) == 'b');
}

TEST_CASE("Input waits until a driver enables it, whatever probing does before") {
  SerialRig rig;
  int calls = 0;
  rig.serial.set_room_hook([&calls] { ++calls; });
  CHECK(rig.serial.receive(bytes("ls\n")) == 0);
  rig.out(kFcr, 7);
  CHECK(rig.in(kRbr) == 0);
  rig.out(kMcr, 0x1a);  // RTS, but in loopback mode
  CHECK(calls == 0);
  rig.out(kMcr, 0);

  SECTION("by RTS, as a driver that polls does") {
    rig.out(kMcr, 3);
  }
  SECTION("by the receive interrupt") {
    rig.out(kIer, 1);
  }
  CHECK(calls == 1);
  rig.out(kFcr, 1);
  CHECK(rig.serial.receive(bytes("ls\n")) == 3);
  CHECK(rig.in(kRbr) == 'l');
}

TEST_CASE("Input received before the FIFOs are turned on stays") {
  // Linux enables the receive interrupt, and then the FIFOs.
  SerialRig rig;
  rig.out(kIer, 5);
  CHECK(rig.serial.receive(bytes("ls\n")) == 1);
  rig.out(kFcr, 1);
  rig.out(kFcr, 0x81);
  CHECK(rig.serial.receive(bytes("s\n")) == 2);
  CHECK(rig.in(kRbr) == 'l');
  CHECK(rig.in(kRbr) == 's');
  rig.out(kFcr, 3);  // but a driver that resets the receiver means it
  CHECK(rig.in(kLsr) == 0x60);
}

TEST_CASE("OUT2 gates the interrupt and loses none") {
  SerialRig rig;
  rig.out(kFcr, 1);
  rig.out(kIer, 1);
  CHECK(rig.serial.receive(bytes("x")) == 1);
  CHECK(rig.in(kIir) == 0xc4);
  CHECK_FALSE(rig.interrupted());
  rig.out(kMcr, 8);
  CHECK(rig.interrupted());
  rig.out(kMcr, 8);
  CHECK_FALSE(rig.interrupted());
  rig.out(kMcr, 0x18);
  rig.out(kMcr, 8);
  CHECK(rig.interrupted());
}

TEST_CASE("Sources are shown by priority, and each remaining source interrupts again") {
  SerialRig rig;
  rig.open(0);
  rig.out(kMcr, 0x10);  // loopback
  for (int i = 0; i < 17; ++i) {
    rig.out(kThr, 'a');
  }
  rig.out(kMcr, 0x08);
  rig.out(kIer, 0x0f);
  CHECK(rig.interrupted());
  CHECK(rig.in(kIir) == 0xc6);
  CHECK(rig.interrupted());
  CHECK(rig.in(kLsr) == 0x63);
  CHECK(rig.in(kLsr) == 0x61);
  CHECK(rig.in(kIir) == 0xc4);
  rig.out(kFcr, 0x83);
  static_cast<void>(rig.interrupted());
  CHECK(rig.in(kIir) == 0xc2);
  CHECK(rig.interrupted());
  CHECK(rig.in(kIir) == 0xc0);
  CHECK(rig.interrupted());
  CHECK(rig.in(kMsr) == 0xbb);
  CHECK(rig.in(kMsr) == 0xb0);
  CHECK(rig.in(kIir) == 0xc1);
  CHECK_FALSE(rig.interrupted());
}

TEST_CASE("Loopback receives what is sent, sends nothing, and overruns") {
  SerialRig rig;
  rig.out(kMcr, 0x13);
  rig.out(kThr, 0xae);
  CHECK(rig.in(kRbr) == 0xae);
  rig.out(kThr, 1);
  rig.out(kThr, 2);
  CHECK(rig.in(kLsr) == 0x63);
  CHECK(rig.in(kRbr) == 2);  // without a FIFO the newer byte wins
  rig.out(kFcr, 1);
  for (unsigned i = 0; i < 17; ++i) {
    rig.out(kThr, i);
  }
  CHECK(rig.in(kLsr) == 0x63);
  for (unsigned i = 0; i < 16; ++i) {
    CHECK(rig.in(kRbr) == i);
  }
  CHECK(rig.in(kLsr) == 0x60);
  CHECK(rig.sink.take().empty());
  CHECK(rig.serial.receive(bytes("x")) == 0);
}

TEST_CASE("The ring line counts its trailing edge only") {
  SerialRig rig;
  rig.out(kMcr, 0x10);
  static_cast<void>(rig.in(kMsr));
  rig.out(kMcr, 0x14);
  CHECK(rig.in(kMsr) == 0x40);
  rig.out(kMcr, 0x10);
  CHECK(rig.in(kMsr) == 0x04);
  rig.out(kMcr, 0x1b);
  CHECK(rig.in(kMsr) == 0xbb);
}

TEST_CASE("A wider access is one access to each register in turn") {
  SerialRig rig;
  rig.driver.out<std::uint32_t>(kLcr, 0x00000003);
  rig.driver.out<std::uint16_t>(kThr, 0x0541);
  CHECK(rig.sink.take() == "A");
  CHECK(rig.in(kIer) == 5);
  CHECK(rig.driver.in<std::uint32_t>(kMcr) == 0x00b06000U);
  std::byte past{0x12};
  rig.serial.read(8, {&past, 1});
  CHECK(past == std::byte{0xff});
  rig.serial.write(8, {&past, 1});
}

TEST_CASE("State survives save and restore, a pending interrupt included") {
  SerialRig rig;
  rig.open(0x03);
  rig.out(kScr, 0x77);
  CHECK(rig.serial.receive(bytes("hello")) == 5);
  const SerialState saved = rig.serial.save();

  SerialRig other;
  REQUIRE(other.serial.restore(saved).has_value());
  CHECK(other.interrupted());
  CHECK(other.in(kScr) == 0x77);
  CHECK(other.in(kIir) == 0xcc);
  for (const char c : std::string_view("hello")) {
    CHECK(other.received() == c);
  }

  SerialState broken = saved;
  broken.received_count = 17;
  CHECK_FALSE(other.serial.restore(broken).has_value());
  broken = saved;
  broken.fifo_control = 0;
  CHECK_FALSE(other.serial.restore(broken).has_value());
  broken = saved;
  broken.interrupt_enable = 0xff;
  CHECK_FALSE(other.serial.restore(broken).has_value());
  CHECK(other.in(kScr) == 0x77);
}

TEST_CASE("Several vCPUs and the host may use the port concurrently") {
  SerialRig rig;
  rig.open(0x03);
  constexpr std::size_t kEach = 2000;
  std::vector<std::thread> vcpus;
  for (const char c : {'a', 'b', 'c'}) {
    vcpus.emplace_back([&rig, c] {
      for (std::size_t i = 0; i < kEach; ++i) {
        rig.out(kThr, static_cast<unsigned char>(c));
        static_cast<void>(rig.in(kIir));
        static_cast<void>(rig.in(kRbr));
        rig.out(kScr, static_cast<unsigned>(i) & 0xffU);
      }
    });
  }
  for (std::size_t i = 0; i < kEach; ++i) {
    static_cast<void>(rig.serial.receive(bytes("0123456789")));
    static_cast<void>(rig.serial.save());
  }
  for (std::thread& vcpu : vcpus) {
    vcpu.join();
  }
  const std::string sent = rig.sink.take();
  CHECK(sent.size() == 3 * kEach);
  CHECK(std::ranges::count(sent, 'b') == static_cast<std::ptrdiff_t>(kEach));
}

}  // namespace bothy
