#include "container/systemd/unit_properties.h"

#include <limits>

#include "tests/support/catch.h"

namespace bothy::container {
namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();

// The value of the property of that name; false where there is none.
UnitValue value_of(const UnitProperties& properties, std::string_view name) {
  for (const UnitProperty& each : properties) {
    if (each.name == name) {
      return each.value;
    }
  }
  return false;
}

UnitProperties made_of(const Resources& resources) {
  return limit_properties(limit_writes(resources, {}).value()).value();
}

UnitValue annotated(const std::string& text, const std::string& name = "After") {
  const auto parsed = annotated_properties({{"org.systemd.property." + name, text}});
  return parsed ? parsed.value().front().value : UnitValue(parsed.error().context);
}

using Bytes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("Limits are properties of the unit") {
  const UnitProperties made = made_of({.memory = 4096000,
                                       .memory_reservation = 2048000,
                                       .memory_and_swap = 5096000,
                                       .cpu_shares = 1024,
                                       .cpuset_cpus = "0-2,9",
                                       .cpuset_memories = "0",
                                       .processes = -1,
                                       .unified = {{"memory.high", "3000000"}}});
  CHECK(value_of(made, "MemoryMax") == UnitValue(std::uint64_t{4096000}));
  CHECK(value_of(made, "MemoryLow") == UnitValue(std::uint64_t{2048000}));
  CHECK(value_of(made, "MemorySwapMax") == UnitValue(std::uint64_t{1000000}));
  CHECK(value_of(made, "MemoryHigh") == UnitValue(std::uint64_t{3000000}));
  CHECK(value_of(made, "CPUWeight") == UnitValue(std::uint64_t{100}));
  CHECK(value_of(made, "AllowedCPUs") == UnitValue(Bytes{0b111, 0b10}));
  CHECK(value_of(made, "AllowedMemoryNodes") == UnitValue(Bytes{1}));
  CHECK(value_of(made, "TasksMax") == UnitValue(kInfinity));
  CHECK(made_of({}).empty());
}

TEST_CASE("A CPU quota is one per second, in hundredths of a CPU") {
  const auto quota = [](std::int64_t microseconds, std::uint64_t period) {
    return value_of(made_of({.cpu_quota = microseconds, .cpu_period = period}),
                    "CPUQuotaPerSecUSec");
  };
  CHECK(quota(50000, 100000) == UnitValue(std::uint64_t{500000}));
  CHECK(quota(50001, 100000) == UnitValue(std::uint64_t{510000}));
  CHECK(quota(300000, 100000) == UnitValue(std::uint64_t{3000000}));
  CHECK(quota(-1, 100000) == UnitValue(kInfinity));
  CHECK(quota(std::numeric_limits<std::int64_t>::max(), 1000) == UnitValue(kInfinity));
  CHECK(value_of(made_of({.cpu_quota = 5000, .cpu_period = 20000}), "CPUQuotaPeriodUSec") ==
        UnitValue(std::uint64_t{20000}));
}

TEST_CASE("A list of CPUs that none is, or none can be, is refused") {
  for (const char* list : {"x", "1-", "3-1", "0-4294967295", "8192"}) {
    const auto made = limit_properties(limit_writes({.cpuset_cpus = list}, {}).value());
    REQUIRE_FALSE(made);
    CHECK(made.error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("Annotations are texts of GVariant") {
  CHECK(annotated("true") == UnitValue(true));
  CHECK(annotated(" 'inactive-or-failed' ") == UnitValue(std::string("inactive-or-failed")));
  CHECK(annotated(R"("it\"s")") == UnitValue(std::string("it\"s")));
  CHECK(annotated("-7") == UnitValue(std::int32_t{-7}));
  CHECK(annotated("uint64 123456789") == UnitValue(std::uint64_t{123456789}));
  CHECK(annotated("uint16 7") == UnitValue(std::uint16_t{7}));
  CHECK(annotated("['a.service', 'b.service']") ==
        UnitValue(std::vector<std::string>{"a.service", "b.service"}));
  CHECK(annotated("[]") == UnitValue(std::vector<std::string>{}));
}

TEST_CASE("Times are in microseconds for systemd") {
  CHECK(annotated("uint64 7", "TimeoutStopSec") == UnitValue(std::uint64_t{7000000}));
  CHECK(annotated("7", "TimeoutStopSec") == UnitValue(std::uint64_t{7000000}));
  CHECK(annotated("uint64 7", "TimeoutStopUSec") == UnitValue(std::uint64_t{7}));
  const auto made = annotated_properties({{"org.systemd.property.TimeoutStopSec", "7"}});
  CHECK(made.value().front().name == "TimeoutStopUSec");
}

TEST_CASE("Other annotations are refused, with their names") {
  for (const char* text : {"", "text", "'open", "'a' 'b'", "['a' 'b']", "['a',]", "uint16 65536",
                           "uint64", "int7 7", "99999999999", "[1]", "0.5"}) {
    const UnitValue value = annotated(text);
    REQUIRE(std::holds_alternative<std::string>(value));
    CHECK(std::get<std::string>(value).starts_with("annotation org.systemd.property.After: "));
  }
  CHECK_FALSE(annotated_properties({{"org.systemd.property.TimeoutStopSec", "-1"}}));
  CHECK_FALSE(annotated_properties({{"org.systemd.property.TimeoutStopSec", "'long'"}}));
  CHECK_FALSE(annotated_properties(
      {{"org.systemd.property.TimeoutStopSec", "uint64 18446744073709551615"}}));
  CHECK_FALSE(annotated_properties({{"org.systemd.property.", "true"}}));
  CHECK(annotated_properties({{"org.systemd.propert", "x"}, {"other", "y"}}).value().empty());
}

TEST_CASE("Properties are written as a list of names and variants") {
  DBusWriter writer;
  put_properties(writer, {{"A", true}, {"B", Bytes{7}}});
  DBusReader reader(std::string_view(reinterpret_cast<const char*>(writer.bytes().data()),
                                     writer.bytes().size()));
  CHECK(reader.u32() == writer.bytes().size() - 8);
  reader.align(8);
  CHECK(reader.text() == "A");
  CHECK(reader.signature() == "b");
  CHECK(reader.u32() == 1);
  reader.align(8);
  CHECK(reader.text() == "B");
  CHECK(reader.signature() == "ay");
  CHECK(reader.u32() == 1);
  CHECK(reader.byte() == 7);
  CHECK(reader.at_end());
  CHECK(reader.is_valid());
}

}  // namespace bothy::container
