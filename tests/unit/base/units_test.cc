#include "base/units.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("Sizes have binary units, and a bare number counts bytes") {
  CHECK(parse_size("0").value() == 0);
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("4096B").value() == 4096);
  CHECK(parse_size("64k").value() == 64U << 10U);
  CHECK(parse_size("512M").value() == 512U << 20U);
  CHECK(parse_size("512MiB").value() == 512U << 20U);
  CHECK(parse_size("1.5G").value() == 1536ULL << 20U);
  CHECK(parse_size("2T").value() == 2ULL << 40U);
}

TEST_CASE("What is no size is refused, with its text in the message") {
  for (const char* text : {"", "M", "-1M", "+1M", "1X", "1 M", "1MM", "0x10", "nan", "inf", "1e3",
                           "16777216T", "99999999999999999999999"}) {
    INFO(text);
    const auto size = parse_size(text);
    REQUIRE(size.has_error());
    CHECK(size.error().code == ErrorCode::kInvalid);
    CHECK(size.error().context.find(text) != std::string::npos);
  }
}

TEST_CASE("Durations know ms, s, m, h and d, and a bare number counts seconds") {
  using std::chrono::milliseconds;
  CHECK(parse_duration("250ms").value() == milliseconds(250));
  CHECK(parse_duration("30").value() == milliseconds(30'000));
  CHECK(parse_duration("30s").value() == milliseconds(30'000));
  CHECK(parse_duration("1.5m").value() == milliseconds(90'000));
  CHECK(parse_duration("2h").value() == milliseconds(7'200'000));
  for (const char* text : {"", "0", "0.1ms", "-1s", "1w", "366d", "forever"}) {
    INFO(text);
    CHECK(parse_duration(text).has_error());
  }
}

TEST_CASE("Durations print in a unit that fits") {
  using std::chrono::nanoseconds;
  CHECK(format_duration(nanoseconds(850'000)) == "850 us");
  CHECK(format_duration(nanoseconds(12'340'000)) == "12.3 ms");
  CHECK(format_duration(nanoseconds(4'510'000'000)) == "4.51 s");
}

}  // namespace bothy
