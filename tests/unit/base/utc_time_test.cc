#include "base/utc_time.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("A time of day is written in UTC, with nanoseconds") {
  CHECK(utc_time({0, 0}) == "1970-01-01T00:00:00.000000000Z");
  CHECK(utc_time({951'827'696, 1}) == "2000-02-29T12:34:56.000000001Z");
  CHECK(utc_time({4'102'444'799, 999'999'999}) == "2099-12-31T23:59:59.999999999Z");
}

}  // namespace bothy
