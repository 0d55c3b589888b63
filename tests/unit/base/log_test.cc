#include "base/log.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("A guest can't write log lines without limit") {
  LogLimiter limiter(3);
  int allowed = 0;
  for (int i = 0; i < 1000; ++i) {
    allowed += limiter.allow() ? 1 : 0;
  }
  // The burst, and at most a line for each second that the loop may have straddled.
  CHECK(allowed >= 3);
  CHECK(allowed <= 5);
  CHECK(limiter.dropped() == static_cast<std::uint64_t>(1000 - allowed));
}

}  // namespace bothy
