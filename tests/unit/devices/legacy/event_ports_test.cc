// The devices that only tell the machine something: power, panic, boot marker.
#include "devices/legacy/acpi_power.h"
#include "devices/legacy/boot_marker.h"
#include "devices/legacy/pvpanic.h"
#include "tests/support/catch.h"
#include "tests/support/guest_events_recorder.h"
#include "tests/support/port_driver.h"

namespace bothy {
namespace {

using Events = std::vector<GuestEvent>;

constexpr std::uint64_t kSleepControl = 0x600;
constexpr std::uint64_t kSleepStatus = 0x601;
constexpr std::uint64_t kReset = 0x602;

}  // namespace

TEST_CASE("pvpanic shows its events and reports those written") {
  GuestEventsRecorder events;
  Pvpanic pvpanic(events);
  Bus bus;
  REQUIRE(bus.add(0x505, Pvpanic::kPorts, pvpanic).has_value());
  const PortDriver driver(bus);

  CHECK(driver.in(0x505) == 3);
  driver.out(0x505, 1);
  CHECK(events.take() == Events{GuestEvent::kPanicked});
  driver.out(0x505, 2);
  CHECK(events.take() == Events{GuestEvent::kCrashLoaded});
  driver.out(0x505, 0xfc);
  CHECK(events.take().empty());
}

TEST_CASE("The boot marker accepts its one value") {
  GuestEventsRecorder events;
  BootMarker marker(0x7b, events);
  Bus bus;
  REQUIRE(bus.add(0x3f0, BootMarker::kPorts, marker).has_value());
  const PortDriver driver(bus);

  driver.out(0x3f0, 0x7a);
  CHECK(events.take().empty());
  driver.out(0x3f0, 0x7b);
  CHECK(events.take() == Events{GuestEvent::kBootMarker});
  CHECK(driver.in(0x3f0) == 0xff);
}

TEST_CASE("ACPI's sleep and reset registers") {
  GuestEventsRecorder events;
  AcpiPower power({.s5_sleep_type = 5, .reset_value = 1}, events);
  Bus bus;
  REQUIRE(bus.add(kSleepControl, AcpiPower::kPorts, power).has_value());
  const PortDriver driver(bus);
  CHECK(driver.in(kSleepStatus) == 0);

  SECTION("S5 with SLP_EN powers off") {
    driver.out(kSleepControl, 5U << 2U);
    CHECK(events.take().empty());
    driver.out(kSleepControl, (5U << 2U) | 0x20U);
    CHECK(events.take() == Events{GuestEvent::kPowerOff});
    CHECK(driver.in(kSleepControl) == 5U << 2U);
    CHECK(driver.in(kSleepStatus) == 0);
  }

  SECTION("A sleep state that isn't offered is left at once") {
    driver.out(kSleepControl, (3U << 2U) | 0x20U);
    CHECK(events.take().empty());
    CHECK(driver.in(kSleepStatus) == 0x80);
    CHECK(power.save().woken);
    driver.out(kSleepStatus, 0x80);
    CHECK(driver.in(kSleepStatus) == 0);
    driver.out(kSleepStatus, 0x7f);
    CHECK(driver.in(kSleepStatus) == 0);
  }

  SECTION("The reset value resets, no other") {
    driver.out(kReset, 2);
    CHECK(events.take().empty());
    driver.out(kReset, 1);
    CHECK(events.take() == Events{GuestEvent::kReset});
    CHECK(driver.in(kReset) == 0xff);
  }

  SECTION("A wider access is one access to each register in turn") {
    driver.out<std::uint16_t>(kSleepControl, 0x8000U | (4U << 2U) | 0x20U);
    CHECK(driver.in<std::uint16_t>(kSleepControl) == 4U << 2U);
  }

  SECTION("State survives save and restore") {
    driver.out(kSleepControl, (3U << 2U) | 0x20U);
    AcpiPower other({.s5_sleep_type = 5, .reset_value = 1}, events);
    other.restore(power.save());
    CHECK(other.save().sleep_type == 3);
    CHECK(other.save().woken);
    other.restore({.sleep_type = 0xff, .woken = false});
    CHECK(other.save().sleep_type == 7);
  }
}

}  // namespace bothy
