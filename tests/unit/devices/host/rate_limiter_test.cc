#include "devices/host/rate_limiter.h"

#include "tests/support/catch.h"

namespace bothy {
namespace {

using Clock = RateLimiter::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Clock::time_point kStart{seconds(1000)};

// How many requests of `bytes` pass within `time`, asked for as soon as the limiter allows.
int passed(RateLimiter& limiter, std::uint64_t bytes, Clock::duration time) {
  int count = 0;
  for (auto now = kStart; now < kStart + time;) {
    if (const auto later = limiter.take(bytes, now)) {
      REQUIRE(*later > now);
      now = *later;
    } else {
      ++count;
    }
  }
  return count;
}

}  // namespace

TEST_CASE("A limiter without limits allows everything") {
  RateLimiter limiter({}, kStart);
  CHECK(limiter.unlimited());
  for (int i = 0; i < 1000; ++i) {
    CHECK(!limiter.take(1ULL << 40U, kStart));
  }
}

TEST_CASE("Requests are limited to the rate after a burst of a tenth of a second") {
  RateLimiter limiter({.operations = 100, .bytes = 0}, kStart);
  CHECK(!limiter.unlimited());
  const int count = passed(limiter, 4096, seconds(10));
  CHECK(count >= 1000);
  CHECK(count <= 1012);
}

TEST_CASE("Bytes are limited to the rate for requests of any size") {
  RateLimiter limiter({.operations = 0, .bytes = 1'000'000}, kStart);
  SECTION("small") {
    const int count = passed(limiter, 1000, seconds(10));
    CHECK(count >= 9'990);
    CHECK(count <= 10'110);
  }
  SECTION("each larger than the bucket") {
    const int count = passed(limiter, 2'000'000, seconds(20));
    CHECK(count >= 10);
    CHECK(count <= 11);
  }
}

TEST_CASE("The stricter of two limits applies, and a waiting request takes no tokens") {
  RateLimiter limiter({.operations = 1, .bytes = 1'000'000}, kStart);
  CHECK(!limiter.take(0, kStart));
  for (int i = 0; i < 5; ++i) {
    CHECK(limiter.take(0, kStart + milliseconds(10)));
  }
  CHECK(!limiter.take(0, kStart + seconds(1) + milliseconds(1)));
}

TEST_CASE("A long pause allows one burst, and no time none") {
  RateLimiter limiter({.operations = 10, .bytes = 0}, kStart);
  CHECK(!limiter.take(0, kStart));
  CHECK(limiter.take(0, kStart));
  CHECK(!limiter.take(0, kStart + seconds(1000)));
  CHECK(limiter.take(0, kStart + seconds(1000)));
}

}  // namespace bothy
