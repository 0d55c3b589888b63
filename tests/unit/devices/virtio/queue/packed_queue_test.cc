#include "devices/virtio/queue/packed_queue.h"

#include <array>
#include <vector>

#include "tests/unit/devices/virtio/queue/queue_fixture.h"

namespace bothy::virtio {
namespace {

using test::VirtioDriver;
using Buffer = VirtioDriver::Buffer;

constexpr RingFeatures kPacked{.packed = true};
constexpr RingFeatures kIndirect{.indirect = true, .packed = true};
constexpr RingFeatures kEvents{.event_index = true, .packed = true};

constexpr std::uint16_t wrapped(std::uint16_t slot) {
  return static_cast<std::uint16_t>(slot | kEventWrap);
}

}  // namespace

TEST_CASE("A packed position goes around, and back") {
  PackedPosition position{5, true};
  position.advance(2, 7);
  CHECK((position.slot == 0 && !position.wrap));
  CHECK(position.encoded() == 0);
  position.advance(7, 7);
  CHECK((position.slot == 0 && position.wrap));
  CHECK(position.encoded() == kEventWrap);
  position.retreat(7, 7);
  CHECK((position.slot == 0 && !position.wrap));
  position.retreat(3, 7);
  CHECK((position.slot == 4 && position.wrap));
}

TEST_CASE("A packed queue answers one descriptor for a chain, with the id of the last") {
  VirtioDriver driver(7, kPacked);
  const auto queue = driver.queue();
  driver.offer_packed({VirtioDriver::kHeap, 8, 1, kDescriptorNext});
  driver.offer_packed({VirtioDriver::kHeap, 8, 2, kDescriptorNext | kDescriptorWrite});
  driver.offer_packed({VirtioDriver::kHeap, 8, 0xbeef, kDescriptorWrite});
  driver.offer_packed({VirtioDriver::kHeap, 8, 9, 0});
  queue->pop()->complete(0x12345);
  queue->pop()->complete(0);
  queue->flush();
  const auto first = driver.packed_descriptor(0);
  CHECK(first.id == 0xbeef);
  CHECK(first.length == 0x12345);
  CHECK(first.flags == (kDescriptorAvailable | kDescriptorUsed | kDescriptorWrite));
  const auto second = driver.packed_descriptor(3);
  CHECK(second.id == 9);
  CHECK(second.flags == (kDescriptorAvailable | kDescriptorUsed));
  CHECK(queue->state() == QueueState{4, 4, true, true});
  for (int i = 0; i < 4; ++i) {
    driver.offer_packed({VirtioDriver::kHeap, 8, 3, 0});
  }
  for (int i = 0; i < 4; ++i) {
    queue->pop()->complete(0);
  }
  CHECK(queue->state() == QueueState{1, 1, false, false});
  CHECK(driver.packed_descriptor(0).flags == 0);  // used, on the second lap
}

TEST_CASE("A batch across the end of a packed ring is published at once") {
  VirtioDriver driver(3, kPacked);
  const auto queue = driver.queue();
  driver.add({{1, true}, {1, true}});
  queue->pop()->complete(1);
  queue->flush();
  CHECK(driver.take());
  driver.add({{1, true}});
  driver.add({{1, true}, {1, true}});
  auto first = queue->pop();
  auto second = queue->pop();
  REQUIRE((first && second));
  second->complete(1);
  first->complete(2);
  CHECK(driver.used_index() == 1);
  queue->flush();
  CHECK(driver.used_index() == 3);
  CHECK(driver.take()->length == 1);
  CHECK(driver.take()->length == 2);
}

TEST_CASE("A violation of a packed ring's rules breaks the queue and nothing else") {
  VirtioDriver driver(16, kIndirect);
  const auto queue = driver.queue();
  SECTION("a chain that never ends") {
    for (int i = 0; i < 16; ++i) {
      driver.offer_packed({VirtioDriver::kHeap, 8, 1, kDescriptorNext});
    }
    check_broken(driver, *queue, "too long");
  }
  SECTION("an indirect descriptor that goes on, or comes second") {
    const std::uint16_t first = GENERATE(std::uint16_t{0}, kDescriptorIndirect);
    driver.offer_packed(
        {VirtioDriver::kHeap, 16, 1, static_cast<std::uint16_t>(first | kDescriptorNext)});
    driver.offer_packed({VirtioDriver::kHeap, 16, 1, kDescriptorIndirect});
    check_broken(driver, *queue, "indirect descriptor in a chain");
  }
  SECTION("an indirect table of half a descriptor, of none, of too many, beyond RAM") {
    const std::uint32_t length = GENERATE(24U, 0U, 1025U * 16, 0x10U);
    const GuestAddress address = length == 0x10 ? VirtioDriver::kMemory - 8 : VirtioDriver::kHeap;
    driver.offer_packed({address, length, 1, kDescriptorIndirect});
    check_broken(driver, *queue, "indirect table");
  }
}

TEST_CASE("Chains in flight never exceed the slots of a packed ring") {
  VirtioDriver driver(4, kPacked);
  const auto queue = driver.queue();
  std::vector<Chain> out;
  for (int i = 0; i < 4; ++i) {
    driver.offer_packed({VirtioDriver::kHeap, 8, 1, 0});
    auto chain = queue->pop();
    REQUIRE(chain);
    out.push_back(std::move(*chain));
  }
  CHECK(!queue->pop());
  driver.offer_packed({VirtioDriver::kHeap, 8, 1, 0});  // a slot that is not used yet
  check_broken(driver, *queue, "not owned");
}

TEST_CASE("Only the write flag counts in a packed queue's indirect table") {
  VirtioDriver driver(16, kIndirect);
  const auto queue = driver.queue();
  constexpr std::uint16_t kNoise = kDescriptorNext | kDescriptorIndirect | kDescriptorAvailable;
  const std::array table{PackedDescriptor{0x60000, 8, 77, kNoise},
                         PackedDescriptor{0x60000, 8, 78, kNoise | kDescriptorWrite}};
  REQUIRE(driver.memory().write(VirtioDriver::kHeap + 3, table));  // nothing asks for alignment
  driver.offer_packed(
      {VirtioDriver::kHeap + 3, sizeof(table), 5, kDescriptorIndirect | kDescriptorWrite});
  auto chain = queue->pop();
  REQUIRE(chain);
  CHECK(chain->readable().size() == 1);
  CHECK(chain->writable().size() == 1);
  chain->complete(8);
  queue->flush();
  CHECK(driver.packed_descriptor(0).id == 5);
}

TEST_CASE("A packed queue of one slot") {
  VirtioDriver driver(1, kEvents);
  const auto queue = driver.queue();
  for (int i = 0; i < 5; ++i) {
    CHECK(!queue->enable_kicks());
    CHECK(!driver.enable_interrupts());
    driver.add({{8, true}});
    CHECK(driver.wants_kick());
    queue->pop()->complete(8);
    CHECK(!queue->pop());
    CHECK(queue->needs_signal());
    CHECK(driver.take()->length == 8);
  }
}

TEST_CASE("A packed queue is created only in a valid state") {
  VirtioDriver driver(5, kPacked);
  const auto can = [&](QueueState state) {
    return Queue::create(driver.memory(), driver.config(), kPacked, state).has_value();
  };
  CHECK(can({4, 4, false, false}));
  CHECK(can({4, 0, true, true}));
  CHECK(can({2, 2, true, false}));  // all of it is out
  CHECK(can({1, 2, true, false}));
  CHECK(!can({5, 0, true, true}));
  CHECK(!can({0, 5, true, true}));
  CHECK(!can({1, 2, true, true}));
  CHECK(!can({3, 2, true, false}));
}

TEST_CASE("Kicks of a packed queue") {
  VirtioDriver driver(5, kEvents);
  const auto queue = driver.queue();
  queue->disable_kicks();
  CHECK(driver.device_event().flags == kEventDisable);
  CHECK(!queue->enable_kicks());
  CHECK(driver.device_event().flags == kEventPosition);
  CHECK(driver.device_event().position == wrapped(0));
  driver.add({{1}, {1}, {1}, {1}});
  queue->pop()->complete(1);
  queue->flush();
  driver.take();
  driver.add({{1}, {1}, {1}});
  queue->pop()->complete(1);
  queue->flush();
  driver.take();
  CHECK(!queue->enable_kicks());
  CHECK(driver.device_event().position == 2);
}

TEST_CASE("Interrupts of a packed queue by position, over a whole batch") {
  VirtioDriver driver(5, kEvents);
  const auto queue = driver.queue();
  const auto serve = [&](int count) {
    for (int i = 0; i < count; ++i) {
      driver.add({{1, true, VirtioDriver::kHeap}});
      queue->pop()->complete(1);
      queue->flush();
      CHECK(driver.take());
    }
  };
  driver.set_driver_event({wrapped(2), kEventPosition});
  serve(2);
  CHECK(!queue->needs_signal());
  serve(2);  // passes it
  CHECK(queue->needs_signal());
  driver.set_driver_event({1, kEventPosition});  // the next lap
  serve(2);                                      // 4 and 0
  CHECK(!queue->needs_signal());
  serve(3);
  CHECK(queue->needs_signal());
  driver.set_driver_event({4, kEventPosition});  // passed again when all went round since
  serve(2);
  CHECK(queue->needs_signal());
  driver.set_driver_event({wrapped(4), kEventPosition});
  serve(3);
  CHECK(!queue->needs_signal());
  SECTION("by the reserved value, as if it were always") {
    driver.set_driver_event({0, 3});
    serve(1);
    CHECK(queue->needs_signal());
  }
  SECTION("at a slot that isn't") {
    driver.set_driver_event({wrapped(0x7fff), kEventPosition});
    serve(3);
    CHECK(!queue->needs_signal());
  }
}

TEST_CASE("A signal deferred over laps of a packed ring is not lost") {
  VirtioDriver driver(5, kEvents);
  const auto queue = driver.queue();
  CHECK(!driver.enable_interrupts());
  for (int i = 0; i < 10; ++i) {
    driver.add({{1, true, VirtioDriver::kHeap}});
    queue->pop()->complete(1);
    queue->flush();
    CHECK(driver.take());
  }
  CHECK(queue->needs_signal());
}

}  // namespace bothy::virtio
