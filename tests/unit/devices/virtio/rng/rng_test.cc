#include "devices/virtio/rng/rng.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/link_recorder.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;

constexpr std::size_t kMaxBytes = 4096;  // of one request

// A device, and a driver of its queue in either layout.
struct Rig {
  boost::asio::io_context executor{1};
  GuestMemory memory = test::make_guest_memory(DriverQueue::kSpan);
  DriverQueue queue{memory, 0, 16, {.packed = GENERATE(false, true)}};
  EventFd kick = EventFd::create().value();
  test::LinkRecorder link;
  Rng rng{executor};

  Rig() {
    std::vector<ActiveQueue> queues(1);
    queues.front() = {queue.queue(), &kick, 0};
    rng.start(0, std::move(queues), link);
  }
  ~Rig() { static_cast<void>(rng.stop()); }

  // The used length of the next completion, if there is one.
  std::optional<std::uint32_t> serve() {
    kick.signal();
    executor.restart();
    executor.poll();
    const auto used = queue.take();
    return used ? std::optional(used->length) : std::nullopt;
  }
  // How many bytes of a range are not zero.
  [[nodiscard]] std::ptrdiff_t touched(GuestAddress at, std::size_t size) const {
    const auto bytes = memory.slice(at, size);
    REQUIRE(bytes.has_value());
    return std::ranges::count_if(*bytes, [](std::byte byte) { return byte != std::byte{0}; });
  }
};

}  // namespace

TEST_CASE("A buffer is filled with random bytes, and memory behind it is not touched") {
  Rig rig;
  rig.queue.add({{512, true}});
  const GuestAddress at = rig.queue.addresses().front();
  CHECK(rig.serve() == 512U);
  // Two of 512 random bytes are zero on average: over 100 is as good as impossible.
  CHECK(rig.touched(at, 512) > 412);
  CHECK(rig.touched(at + 512, 512) == 0);
  CHECK(rig.link.take_signalled() == std::vector<std::uint16_t>{0});
}

TEST_CASE("A request of several buffers is filled up to the limit") {
  Rig rig;
  rig.queue.add({{1000, true}, {3000, true}, {5000, true}});
  const auto addresses = rig.queue.addresses();
  CHECK(rig.serve() == kMaxBytes);
  CHECK(rig.touched(addresses[1], 3000) > 2000);
  CHECK(rig.touched(addresses[2] + 96, 4904) == 0);
}

TEST_CASE("A request without a writable buffer is completed with length 0") {
  Rig rig;
  rig.queue.add({{64, false}});
  CHECK(rig.serve() == 0U);
  CHECK(rig.link.why_parked().empty());
}

TEST_CASE("A buffer outside RAM makes the device need a reset") {
  Rig rig;
  rig.queue.add({{64, true, DriverQueue::kSpan}});
  CHECK_FALSE(rig.serve().has_value());
  CHECK_FALSE(rig.link.why_parked().empty());
}

}  // namespace bothy::virtio
