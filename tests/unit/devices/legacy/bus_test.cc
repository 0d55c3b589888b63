#include "devices/bus.h"

#include <algorithm>
#include <array>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/port_driver.h"

namespace bothy {
namespace {

// Reads as its own bytes' offsets; remembers the last write.
class OffsetHandler final : public BusHandler {
 public:
  void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
    for (std::byte& byte : data) {
      byte = static_cast<std::byte>(offset++);
    }
  }
  void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
    last_offset = offset;
    last_size = data.size();
  }

  std::uint64_t last_offset = 0;
  std::size_t last_size = 0;
};

constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("A bus finds the handler of an address, relative to its range") {
  OffsetHandler low;
  OffsetHandler high;
  Bus bus;
  REQUIRE(bus.add(0x3f8, 8, high).has_value());
  REQUIRE(bus.add(0x60, 5, low).has_value());
  REQUIRE(bus.add(kTop, 1, low).has_value());
  const PortDriver driver(bus);

  CHECK(driver.in(0x3f8) == 0);
  CHECK(driver.in(0x3ff) == 7);
  CHECK(driver.in(0x64) == 4);
  CHECK(driver.in(kTop) == 0);
  CHECK(driver.in<std::uint32_t>(0x3fc) == 0x07060504);
  driver.out<std::uint16_t>(0x62, 0);
  CHECK(low.last_offset == 2);
  CHECK(low.last_size == 2);
}

TEST_CASE("No handler answers outside the ranges, or across the end of a range") {
  OffsetHandler handler;
  Bus bus;
  REQUIRE(bus.add(0x60, 5, handler).has_value());
  REQUIRE(bus.add(0x65, 1, handler).has_value());
  const PortDriver driver(bus);

  CHECK(driver.in(0x5f) == 0xff);
  CHECK(driver.in(0x66) == 0xff);
  CHECK(driver.in<std::uint32_t>(0x5f) == 0xffffffff);
  CHECK(driver.in<std::uint16_t>(0x64) == 0xffff);
  CHECK(driver.in<std::uint64_t>(kTop) == kTop);

  std::array<std::byte, 2> data{};
  CHECK_FALSE(bus.read(0x64, data));
  CHECK_FALSE(bus.write(0x64, data));
  CHECK(bus.write(0x63, data));
  CHECK_FALSE(bus.read(0x60, {}));
}

TEST_CASE("A range that is empty, wraps or overlaps is refused") {
  OffsetHandler handler;
  Bus bus;
  REQUIRE(bus.add(0x100, 0x10, handler).has_value());

  const auto refused = [&](std::uint64_t base, std::uint64_t size) {
    const auto added = bus.add(base, size, handler);
    return !added.has_value() && added.error().code == ErrorCode::kInvalid;
  };
  CHECK(refused(0x200, 0));
  CHECK(refused(kTop, 2));
  CHECK(refused(0x100, 1));
  CHECK(refused(0x10f, 1));
  CHECK(refused(0xff, 2));
  CHECK(refused(0x90, 0x1000));
  CHECK(refused(0x0, kTop));
  CHECK(bus.add(0x110, 1, handler).has_value());
  CHECK(bus.add(0xff, 1, handler).has_value());
}

}  // namespace bothy
