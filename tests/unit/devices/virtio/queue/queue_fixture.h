// What the tests of queues share.
#pragma once

#include <string_view>

#include "devices/virtio/queue/queue.h"
#include "tests/support/catch.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {

// Adds nothing to what was published: the queue must refuse what the driver offers, say why, and
// leave the driver's rings alone.
inline void check_broken(const test::DriverQueue& driver, Queue& queue, std::string_view why) {
  const std::uint16_t used = driver.used_index();
  CHECK(!queue.pop());
  CHECK(queue.broken());
  CHECK(queue.why_broken().find(why) != std::string::npos);
  CHECK(!queue.pop());
  CHECK(!queue.enable_kicks());
  queue.flush();
  CHECK(driver.used_index() == used);
}

}  // namespace bothy::virtio
