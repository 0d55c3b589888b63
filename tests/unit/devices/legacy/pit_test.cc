#include "devices/legacy/pit.h"

#include "tests/support/catch.h"
#include "tests/support/port_driver.h"

namespace bothy {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kCommand = 0x43;
constexpr std::uint64_t kControl = 0x61;

struct Rig {
  Pit::Time now{1h};
  Pit pit{[this] { return now; }};
  Bus bus;
  PortDriver driver{bus};

  Rig() {
    REQUIRE(bus.add(0x40, Pit::kPorts, pit).has_value());
    REQUIRE(bus.add(kControl, 1, pit, Pit::kControl).has_value());
  }

  // A whole number of ticks, and a bit: the count of each is then certain.
  void pass(std::uint64_t ticks) {
    now += std::chrono::nanoseconds(ticks * 1000000000 / 1193182 + 1);
  }
  void load(std::uint64_t counter, std::uint8_t command, std::uint16_t reload) const {
    driver.out(kCommand, command);
    driver.out(0x40 + counter, static_cast<std::uint8_t>(reload & 0xffU));
    driver.out(0x40 + counter, static_cast<std::uint8_t>(reload >> 8U));
  }
  [[nodiscard]] unsigned value(std::uint64_t counter) const {
    const unsigned low = driver.in(0x40 + counter);
    return low | unsigned{driver.in(0x40 + counter)} << 8U;
  }
};

}  // namespace

TEST_CASE("Linux calibrates a clock by counter 2, gate and output") {
  // arch/x86/kernel/tsc.c, pit_calibrate_tsc: 50 ms in mode 0, until the output rises.
  Rig rig;
  rig.driver.out(kControl, 0x01);
  rig.load(2, 0xb0, 59659);
  CHECK((rig.driver.in(kControl)&0x21U) == 0x01);
  rig.pass(59658);
  CHECK((rig.driver.in(kControl)&0x20U) == 0);
  rig.pass(1);
  CHECK((rig.driver.in(kControl)&0x20U) == 0x20);
}

TEST_CASE("Linux's quick calibration sees the high byte fall every 256 ticks") {
  Rig rig;
  rig.driver.out(kControl, 0x01);
  rig.load(2, 0xb0, 0xffff);
  for (unsigned high = 0xff; high > 0x10; --high) {
    (void)rig.driver.in(0x42);
    CHECK(rig.driver.in(0x42) == high);
    rig.pass(256);
  }
}

TEST_CASE("A periodic counter starts over, a square wave at twice the speed") {
  Rig rig;
  rig.load(0, 0x34, 1000);
  rig.pass(10);
  CHECK(rig.value(0) == 990);
  rig.pass(1000);
  CHECK(rig.value(0) == 990);
  rig.load(0, 0x36, 1000);
  rig.pass(10);
  CHECK(rig.value(0) == 980);
  rig.pass(490);
  CHECK(rig.value(0) == 1000);
}

TEST_CASE("A latched count stays until it has been read") {
  Rig rig;
  rig.load(0, 0x34, 0);  // 65536
  rig.pass(0x100);
  rig.driver.out(kCommand, 0x00);
  rig.pass(0x100);
  rig.driver.out(kCommand, 0x00);
  CHECK(rig.value(0) == 0xff00);
  CHECK(rig.value(0) == 0xfe00);
}

TEST_CASE("Read-back gives status first, then the count") {
  Rig rig;
  rig.load(1, 0x74, 500);
  rig.pass(100);
  rig.driver.out(kCommand, 0xc4);
  CHECK(rig.driver.in(0x41) == (0x80 | 0x30 | 0x04));
  CHECK(rig.value(1) == 400);
}

TEST_CASE("A low gate stops counter 2 and loses nothing of it in mode 0") {
  Rig rig;
  rig.driver.out(kControl, 0x01);
  rig.load(2, 0xb0, 1000);
  rig.pass(100);
  rig.driver.out(kControl, 0x00);
  rig.pass(5000);
  CHECK(rig.value(2) == 900);
  rig.driver.out(kControl, 0x01);
  rig.pass(101);
  CHECK(rig.value(2) == 799);
}

TEST_CASE("Half-written counters, invalid ports and invalid widths are harmless") {
  Rig rig;
  rig.driver.out(kCommand, 0x18);  // counter 0, low byte, mode 4
  rig.driver.out(0x40, 200);
  rig.pass(50);
  CHECK(rig.driver.in(0x40) == 150);
  rig.driver.out(kCommand, 0x2e);  // high byte, mode 7, which is 3
  rig.driver.out(0x40, 2);
  rig.pass(128);
  CHECK(rig.driver.in(0x40) == 1);
  CHECK(rig.driver.in(kCommand) == 0xff);
  rig.driver.out<std::uint32_t>(0x40, 0xffffffff);
  (void)rig.driver.in<std::uint32_t>(0x40);
  rig.driver.out<std::uint16_t>(0x42, 0);
}

}  // namespace bothy
