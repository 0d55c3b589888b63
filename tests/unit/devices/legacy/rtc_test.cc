#include "devices/legacy/rtc.h"

#include <limits>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/port_driver.h"

namespace bothy {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::system_clock;
using std::chrono::year;

constexpr std::uint64_t kIndex = 0x70;
constexpr std::uint64_t kData = 0x71;
constexpr std::uint8_t kA = 10;
constexpr std::uint8_t kB = 11;
constexpr std::uint8_t kCentury = 0x32;

struct Rig {
  // A Thursday.
  system_clock::time_point now = sys_days(year(2024) / 2 / 29) + 13h + 45min + 59s + 900ms;
  Rtc rtc{[this] { return now; }};
  Bus bus;
  PortDriver driver{bus};

  Rig() { REQUIRE(bus.add(kIndex, Rtc::kPorts, rtc).has_value()); }

  [[nodiscard]] unsigned get(std::uint8_t index) const {
    driver.out(kIndex, index);
    return driver.in(kData);
  }
  void set(std::uint8_t index, unsigned value) const {
    driver.out(kIndex, index);
    driver.out(kData, static_cast<std::uint8_t>(value));
  }
  // Seconds to century as a driver reads them: after a look at UIP.
  [[nodiscard]] std::vector<unsigned> time() const {
    REQUIRE((get(kA) & 0x80U) == 0);
    return {get(0), get(2), get(4), get(6), get(7), get(8), get(9), get(kCentury)};
  }
};

using Time = std::vector<unsigned>;

}  // namespace

TEST_CASE("The clock shows the host's time in UTC, in register B's format") {
  const Rig rig;
  CHECK(rig.get(13) == 0x80);
  CHECK(rig.get(12) == 0);
  CHECK(rig.get(kB) == 0x02);
  CHECK(rig.time() == Time{0x59, 0x45, 0x13, 5, 0x29, 0x02, 0x24, 0x20});
  rig.set(kB, 0x06);
  CHECK(rig.time() == Time{59, 45, 13, 5, 29, 2, 24, 20});
  rig.set(kB, 0x00);
  CHECK(rig.get(4) == 0x81);
  rig.set(kB, 0x04);
  CHECK(rig.get(4) == 0x81);
}

TEST_CASE("Noon and midnight on the 12-hour clock") {
  Rig rig;
  rig.set(kB, 0);
  rig.now = sys_days(year(2024) / 1 / 1) + 0h;
  CHECK(rig.time()[2] == 0x12);
  rig.now += 12h;
  CHECK(rig.time()[2] == 0x92);
  for (unsigned hour = 0; hour < 24; ++hour) {
    const unsigned shown = rig.time()[2];
    rig.set(4, shown);
    CHECK(rig.time()[2] == shown);
    CHECK(rig.rtc.save().offset_seconds == 0);
    rig.now += 1h;
  }
}

TEST_CASE("The time's registers are consistent after UIP has been read") {
  Rig rig;
  static_cast<void>(rig.get(kA));
  CHECK(rig.get(0) == 0x59);
  rig.now += 5ms;
  CHECK(rig.get(0) == 0x59);
  rig.now += 100ms;  // past the latch, and the second with it
  CHECK(rig.get(0) == 0x00);
  CHECK(rig.get(2) == 0x46);
  rig.now -= 1h;  // the host's clock may jump
  CHECK(rig.get(4) == 0x12);
}

TEST_CASE("The guest sets its own time, and not the host's") {
  Rig rig;
  rig.set(kB, 0x82);
  for (const auto& [index, value] : std::vector<std::pair<std::uint8_t, unsigned>>{
           {0, 0x01}, {2, 0x02}, {4, 0x03}, {7, 0x31}, {8, 0x12}, {9, 0x99}, {kCentury, 0x19}}) {
    rig.set(index, value);
  }
  rig.now += 10s;  // stopped meanwhile
  CHECK(rig.get(0) == 0x01);
  rig.set(kB, 0x02);
  CHECK(rig.time() == Time{0x01, 0x02, 0x03, 6, 0x31, 0x12, 0x99, 0x19});
  rig.now += 24h;
  CHECK(rig.time() == Time{0x01, 0x02, 0x03, 7, 0x01, 0x01, 0x00, 0x20});
  rig.set(4, 0x23);  // without stopping it
  CHECK(rig.time()[2] == 0x23);
}

TEST_CASE("An invalid date leaves the time unchanged") {
  const Rig rig;
  const Time before = rig.time();
  rig.set(kB, 0x82);
  rig.set(8, 0x13);
  CHECK(rig.get(8) == 0x13);
  rig.set(kB, 0x02);
  CHECK(rig.time() == before);
  rig.set(7, 0x30);
  rig.set(0, 0xff);
  rig.set(9, 0xff);
  rig.set(kCentury, 0xff);
  CHECK(rig.time() == before);
  CHECK(rig.rtc.save().offset_seconds == 0);
}

TEST_CASE("Alarms and NVRAM are stored; read-only registers stay") {
  const Rig rig;
  for (std::uint8_t i = 0; i < 128; ++i) {
    if (i >= 14 ? i != kCentury : i == 1 || i == 3 || i == 5) {
      rig.set(i, 0xffU - i);
      CHECK(rig.get(i) == 0xffU - i);
    }
  }
  rig.set(0x80 | 20, 0x11);  // bit 7 of the index is the NMI mask
  CHECK(rig.get(20) == 0x11);
  rig.set(13, 0);
  CHECK(rig.get(13) == 0x80);
  rig.set(12, 0xff);
  CHECK(rig.get(12) == 0);
  rig.set(kA, 0xff);
  CHECK(rig.get(kA) == 0x7f);
}

TEST_CASE("Index and data in one access") {
  const Rig rig;
  rig.driver.out<std::uint16_t>(kIndex, 0x5510);
  CHECK(rig.driver.in<std::uint16_t>(kIndex) == 0x55ff);
}

TEST_CASE("The clock's state survives save and restore") {
  Rig rig;
  rig.set(4, 0x01);
  rig.set(100, 42);
  Rig other;
  REQUIRE(other.rtc.restore(rig.rtc.save()).has_value());
  CHECK(other.driver.in(kData) == 42);
  CHECK(other.time() == rig.time());

  RtcState hostile = rig.rtc.save();
  hostile.index = 0xff;
  REQUIRE(other.rtc.restore(hostile).has_value());
  CHECK(other.rtc.save().index == 0x7f);
  for (const std::int64_t offset :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    hostile.offset_seconds = offset;
    CHECK_FALSE(other.rtc.restore(hostile).has_value());
  }
  CHECK(other.time() == rig.time());
}

}  // namespace bothy
