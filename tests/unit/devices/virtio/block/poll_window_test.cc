#include "devices/virtio/block/poll_window.h"

#include "tests/support/catch.h"

namespace bothy::virtio {
namespace {

// How often the window stays shut until it opens.
unsigned left_out(PollWindow& window) {
  unsigned times = 0;
  while (!window.opens()) {
    ++times;
  }
  return times;
}

}  // namespace

TEST_CASE("A driver that is back in time is waited for each time") {
  PollWindow window(false);
  for (int i = 0; i < 10; ++i) {
    CHECK(left_out(window) == 0);
    window.ended(true);
  }
}

TEST_CASE("A driver that isn't back is waited for ever more seldom, until it is") {
  PollWindow window(false);
  CHECK(left_out(window) == 0);
  for (unsigned times = 1; times <= PollWindow::kMostLeftOut; times *= 2) {
    window.ended(false);
    CHECK(left_out(window) == times);
  }
  window.ended(false);
  CHECK(left_out(window) == PollWindow::kMostLeftOut);
  window.ended(true);
  CHECK(left_out(window) == 0);
}

TEST_CASE("On one processor nobody is waited for awake") {
  PollWindow window(true);
  CHECK_FALSE(window.opens());
}

}  // namespace bothy::virtio
