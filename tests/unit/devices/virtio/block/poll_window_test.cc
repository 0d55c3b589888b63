#include "devices/virtio/block/poll_window.h"

#include "tests/support/catch.h"

namespace bothy::virtio {
namespace {

// How many windows are skipped until one opens.
unsigned skipped(PollWindow& window) {
  unsigned times = 0;
  while (!window.opens()) {
    ++times;
  }
  return times;
}

}  // namespace

TEST_CASE("Polling goes on while requests come in time") {
  PollWindow window(false);
  for (int i = 0; i < 10; ++i) {
    CHECK(skipped(window) == 0);
    window.ended(true);
  }
}

TEST_CASE("Polling is skipped twice as often after each failure, until a request comes in time") {
  PollWindow window(false);
  CHECK(skipped(window) == 0);
  for (unsigned times = 1; times <= PollWindow::kMaxSkipped; times *= 2) {
    window.ended(false);
    CHECK(skipped(window) == times);
  }
  window.ended(false);
  CHECK(skipped(window) == PollWindow::kMaxSkipped);
  window.ended(true);
  CHECK(skipped(window) == 0);
}

TEST_CASE("There is no polling on a single CPU") {
  PollWindow window(true);
  CHECK_FALSE(window.opens());
}

}  // namespace bothy::virtio
