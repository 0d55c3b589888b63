#include "base/event_fd.h"

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("An eventfd counts signals until it is drained") {
  auto event = EventFd::create();
  REQUIRE(event.has_value());
  CHECK(event.value().drain() == 0);
  event.value().signal();
  event.value().signal();
  CHECK(event.value().drain() == 2);
  CHECK(event.value().drain() == 0);
}

}  // namespace bothy
