#include "devices/legacy/i8042.h"

#include "tests/support/catch.h"
#include "tests/support/guest_events_recorder.h"
#include "tests/support/port_driver.h"

namespace bothy {
namespace {

using Events = std::vector<GuestEvent>;

constexpr std::uint64_t kData = 0x60;
constexpr std::uint64_t kCommand = 0x64;

struct Rig {
  GuestEventsRecorder events;
  I8042 device{events};
  Bus bus;
  PortDriver driver{bus};

  Rig() {
    REQUIRE(bus.add(kData, 1, device, I8042::kData).has_value());
    REQUIRE(bus.add(kCommand, 1, device, I8042::kCommand).has_value());
  }

  // Sends a command and fetches its answer, as drivers do; fails where a driver would wait.
  [[nodiscard]] std::uint8_t ask(std::uint8_t command) const {
    REQUIRE((driver.in(kCommand)&2U) == 0);
    driver.out(kCommand, command);
    REQUIRE((driver.in(kCommand)&1U) == 1);
    return driver.in(kData);
  }
};

}  // namespace

TEST_CASE("The keyboard controller answers every command at once") {
  const Rig rig;
  CHECK(rig.driver.in(kCommand) == 0x14);
  CHECK(rig.driver.in(kData) == 0);
  for (unsigned command = 0; command < 0x100; ++command) {
    rig.driver.out(kCommand, static_cast<std::uint8_t>(command));
    rig.driver.out(kData, 0xff);
    CHECK((rig.driver.in(kCommand)&2U) == 0);
    static_cast<void>(rig.driver.in(kData));
    CHECK((rig.driver.in(kCommand)&1U) == 0);
  }
}

TEST_CASE("Linux's probe of the controller ends at once and finds no mouse") {
  const Rig rig;
  CHECK(rig.ask(0xaa) == 0x55);
  const std::uint8_t command_byte = rig.ask(0x20);
  CHECK(rig.ask(0x20) == command_byte);
  rig.driver.out(kCommand, 0x60);
  rig.driver.out(kData, 0x65);
  CHECK(rig.ask(0x20) == 0x65);
  CHECK(rig.ask(0xab) == 0);
  rig.driver.out(kCommand, 0xd3);  // aux loop: the answer must not look like the mouse's
  rig.driver.out(kData, 0x5a);
  CHECK((rig.driver.in(kCommand)&0x21U) == 1);
  CHECK(rig.driver.in(kData) == 0x5a);
  CHECK(rig.ask(0xa9) == 1);
  rig.driver.out(kCommand, 0xa8);
  CHECK((rig.ask(0x20) & 0x20U) == 0);
  rig.driver.out(kCommand, 0xa7);
  CHECK((rig.ask(0x20) & 0x20U) == 0x20);
}

TEST_CASE("Pulsing the reset line resets, by command or by the output port") {
  Rig rig;
  rig.driver.out(kCommand, 0xfe);
  CHECK(rig.events.take() == Events{GuestEvent::kReset});
  rig.driver.out(kCommand, 0xff);
  CHECK(rig.events.take().empty());
  rig.driver.out(kCommand, 0xd1);
  rig.driver.out(kData, 0xdf);
  CHECK(rig.events.take().empty());
  rig.driver.out(kCommand, 0xd1);
  rig.driver.out(kData, 0xfe);
  CHECK(rig.events.take() == Events{GuestEvent::kReset});
  rig.driver.out(kData, 0xfe);
  CHECK(rig.events.take().empty());
}

TEST_CASE("The ports between data and command do not belong to the controller") {
  const Rig rig;
  rig.driver.out(0x61, 0xfe);
  CHECK(rig.driver.in(0x61) == 0xff);
  CHECK(rig.driver.in<std::uint32_t>(0x61) == 0xffffffff);
}

TEST_CASE("The controller's state survives save and restore") {
  Rig rig;
  rig.driver.out(kCommand, 0x60);
  Rig other;
  other.device.restore(rig.device.save());
  other.driver.out(kData, 0x47);
  CHECK(other.ask(0x20) == 0x47);
}

}  // namespace bothy
