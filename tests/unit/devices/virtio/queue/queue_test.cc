// What split and packed queues have in common: every test runs over both.
#include "devices/virtio/queue/queue.h"

#include <vector>

#include "tests/unit/devices/virtio/queue/queue_fixture.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;
using test::VirtioDriver;
using Buffer = VirtioDriver::Buffer;

constexpr std::uint64_t kGiB = 1ULL << 30U;

// The layout under test.
RingFeatures layout(RingFeatures features = {}) {
  features.packed = GENERATE(false, true);
  CAPTURE(features.packed);
  return features;
}

}  // namespace

TEST_CASE("A chain gives its buffers, and data written to them reaches the driver") {
  VirtioDriver driver(16, layout());
  const auto queue = driver.queue();
  CHECK(!queue->pop());
  const std::uint16_t head = driver.add({{8}, {0}, {4}, {6, true}, {100, true}});
  REQUIRE(driver.memory().write<std::uint64_t>(driver.addresses()[0], 0x1122334455667788));
  REQUIRE(driver.memory().write<std::uint32_t>(driver.addresses()[2], 0xaabbccdd));

  auto chain = queue->pop();
  REQUIRE(chain);
  CHECK(chain->readable().size() == 2);  // an empty buffer is none
  CHECK(chain->writable().size() == 2);
  Reader reader = chain->reader();
  CHECK(reader.remaining() == 12);
  CHECK(reader.read<std::uint32_t>() == 0x55667788);
  CHECK(reader.read<std::uint64_t>() == 0xaabbccdd11223344);  // across two buffers
  CHECK(!reader.read<std::uint8_t>());
  Writer writer = chain->writer();
  CHECK(writer.remaining() == 106);
  CHECK(writer.write<std::uint64_t>(0x0102030405060708));
  const std::vector<std::byte> more(99);
  CHECK(!writer.write_bytes(more));
  CHECK(writer.remaining() == 98);
  chain->complete(8);
  queue->flush();

  const auto used = driver.take();
  REQUIRE(used);
  CHECK(used->id == head);
  CHECK(used->length == 8);
  CHECK(!driver.take());
  CHECK(driver.memory().read<std::uint32_t>(driver.addresses()[3]) == 0x05060708U);
  CHECK(driver.memory().read<std::uint16_t>(driver.addresses()[4]) == 0x0102U);
}

TEST_CASE("Requests complete in any order, and a dropped chain completes empty") {
  VirtioDriver driver(16, layout());
  const auto queue = driver.queue();
  const std::uint16_t first = driver.add({{1}, {1}, {1, true}});
  const std::uint16_t second = driver.add({{1, true}});
  const std::uint16_t third = driver.add({{1}, {1, true}});
  {
    auto a = queue->pop();
    auto b = queue->pop();
    auto c = queue->pop();
    REQUIRE((a && b && c));
    CHECK(a->readable().size() == 2);
    CHECK(c->readable().size() == 1);
    c->complete(1);
    a = std::move(b);  // what was there goes
    queue->flush();
    CHECK(driver.used_index() == 2);
  }
  queue->flush();
  const auto one = driver.take();
  const auto two = driver.take();
  const auto three = driver.take();
  REQUIRE((one && two && three));
  CHECK((one->id == third && one->length == 1));
  CHECK((two->id == first && two->length == 0));
  CHECK((three->id == second && three->length == 0));
  CHECK(!driver.take());
  const QueueState state = queue->state();
  CHECK(state.next_available == state.next_used);
}

TEST_CASE("Completions are published together at a flush") {
  VirtioDriver driver(16, layout());
  const auto queue = driver.queue();
  const auto count = GENERATE(1U, 2U, 5U);
  for (int lap = 0; lap < 20; ++lap) {
    for (unsigned i = 0; i < count; ++i) {
      driver.add({{1}, {1, true}, {1, true}});
    }
    const std::uint16_t before = driver.used_index();
    for (unsigned i = 0; i < count; ++i) {
      queue->pop()->complete(i + 1);
      REQUIRE(driver.used_index() == before);
    }
    queue->flush();
    REQUIRE(driver.used_index() == static_cast<std::uint16_t>(before + count));
    for (unsigned i = 0; i < count; ++i) {
      REQUIRE(driver.take()->length == i + 1);
    }
    queue->flush();
    REQUIRE(!driver.take());
  }
}

TEST_CASE("Positions wrap") {
  VirtioDriver driver(4, layout());
  const auto queue = driver.queue();
  for (int i = 0; i < 70000; ++i) {
    const std::uint16_t head = driver.add(
        {{1, false, VirtioDriver::kHeap}, {1, true, VirtioDriver::kHeap}, {1, true, 0x50000}});
    auto chain = queue->pop();
    REQUIRE(chain);
    REQUIRE(chain->writable().size() == 2);
    chain->complete(1);
    queue->flush();
    REQUIRE(driver.take()->id == head);
    REQUIRE(!queue->pop());
  }
}

TEST_CASE("A popped chain can be put back, and is popped again") {
  VirtioDriver driver(4, layout());
  const auto queue = driver.queue();
  for (int lap = 0; lap < 10; ++lap) {
    const std::uint16_t head = driver.add({{1, false, 0x50000}, {2, true, 0x50000}});
    const std::uint16_t next = driver.add({{1, false, 0x50000}, {3, true, 0x50000}});
    {
      auto first = queue->pop();
      auto second = queue->pop();
      REQUIRE((first && second));
      queue->unpop(std::move(*second));
      queue->unpop(std::move(*first));
    }
    CHECK(queue->enable_kicks());  // it is there, whether its driver kicks or not
    CHECK(!queue->needs_signal());
    CHECK(!driver.take());
    auto first = queue->pop();
    REQUIRE(first);
    CHECK(first->writer().remaining() == 2);
    auto second = queue->pop();
    REQUIRE(second);
    CHECK(second->writer().remaining() == 3);
    first->complete(2);
    queue->unpop(std::move(*second));
    CHECK(queue->needs_signal());
    queue->pop()->complete(3);
    CHECK(queue->needs_signal());
    CHECK(driver.take()->id == head);
    CHECK(driver.take()->id == next);
    CHECK(!queue->pop());
    CHECK(!queue->broken());
  }
}

TEST_CASE("An indirect table is a chain of its own") {
  VirtioDriver driver(4, layout({.indirect = true}));
  const auto queue = driver.queue();
  std::vector<Buffer> buffers(60, Buffer{16, false});
  buffers.resize(100, Buffer{16, true});
  for (int i = 0; i < 9; ++i) {
    const std::uint16_t head = driver.add_indirect(buffers);
    auto chain = queue->pop();
    REQUIRE(chain);
    CHECK(chain->readable().size() == 60);
    CHECK(chain->writable().size() == 40);
    CHECK(chain->writer().remaining() == 640);
    chain->complete(640);
    queue->flush();
    CHECK(driver.take()->id == head);
  }
}

TEST_CASE("Indirect descriptors that were not negotiated are refused") {
  VirtioDriver driver(16, layout());
  const auto queue = driver.queue();
  driver.add_indirect(std::vector<Buffer>{{16, true}});
  check_broken(driver, *queue, "not negotiated");
}

TEST_CASE("An invalid chain breaks its queue and nothing else") {
  VirtioDriver driver(16, layout({.indirect = true}));
  const auto queue = driver.queue();
  const bool indirect = GENERATE(false, true);
  const auto offer = [&](const std::vector<Buffer>& buffers) {
    static_cast<void>(indirect ? driver.add_indirect(buffers) : driver.add(buffers));
  };
  SECTION("a buffer beyond RAM") {
    offer({{16, false, VirtioDriver::kMemory - 8}});
    check_broken(driver, *queue, "not in RAM");
  }
  SECTION("a buffer that wraps") {
    offer({{8}, {16, false, ~std::uint64_t{0} - 4}});
    check_broken(driver, *queue, "not in RAM");
  }
  SECTION("a buffer to read behind one to write") {
    offer({{8, true}, {8, false}});
    check_broken(driver, *queue, "behind");
  }
}

TEST_CASE("A chain holds 4 GiB at most") {
  GuestMemory memory = test::make_guest_memory(2 * kGiB);
  DriverQueue driver(memory, 0, 16, layout());
  const auto queue = driver.queue();
  constexpr std::uint32_t kHalf = 1U << 31U;
  driver.add({{kHalf, false, 0}, {kHalf, true, 0}});
  {
    const auto chain = queue->pop();
    REQUIRE(chain);
    CHECK(chain->reader().remaining() == kHalf);
    CHECK(chain->writer().remaining() == kHalf);
  }
  queue->flush();
  driver.add({{kHalf, true, 0}, {kHalf, true, 0}, {1, true, 0}});
  check_broken(driver, *queue, "4 GiB");
}

TEST_CASE("A violation breaks the ring, and chains in flight still complete") {
  VirtioDriver driver(16, layout());
  const auto queue = driver.queue();
  const std::uint16_t head = driver.add({{1, true}});
  auto chain = queue->pop();
  REQUIRE(chain);
  driver.break_ring();
  check_broken(driver, *queue, "");
  chain->complete(1);
  CHECK(queue->needs_signal());
  CHECK(driver.take()->id == head);
  CHECK(queue->broken());
}

TEST_CASE("A polling device suppresses kicks, whatever it requested before") {
  VirtioDriver driver(8, layout({.event_index = GENERATE(false, true)}));
  const auto queue = driver.queue();
  for (int lap = 0; lap < 50; ++lap) {
    CHECK(!queue->enable_kicks());
    queue->disable_kicks();
    driver.add({{1, true, 0x50000}});
    CHECK(!driver.wants_kick());
    queue->pop()->complete(1);
    queue->flush();
    CHECK(driver.take());
  }
}

TEST_CASE("Kicks and interrupts, whether by flags or by position") {
  VirtioDriver driver(8, layout({.event_index = GENERATE(false, true)}));
  const auto queue = driver.queue();
  for (int lap = 0; lap < 50; ++lap) {
    CHECK(!queue->enable_kicks());
    driver.add({{1, true, 0x50000}});
    CHECK(driver.wants_kick());
    CHECK(!driver.wants_kick());
    queue->disable_kicks();
    queue->pop()->complete(1);
    driver.add({{1, true, 0x50000}, {1, true, 0x50000}});
    CHECK(!driver.wants_kick());
    CHECK(queue->enable_kicks());  // it came meanwhile
    auto chain = queue->pop();
    CHECK(!queue->enable_kicks());

    CHECK(!driver.enable_interrupts());
    CHECK(queue->needs_signal());
    CHECK(!queue->needs_signal());
    CHECK(driver.enable_interrupts());
    CHECK(driver.take());
    CHECK(!driver.enable_interrupts());
    driver.disable_interrupts();
    chain->complete(1);
    CHECK(!queue->needs_signal());
    CHECK(driver.take());
  }
}

TEST_CASE("A driver that requests an interrupt within a batch gets one") {
  VirtioDriver driver(16, layout({.event_index = true}));
  const auto queue = driver.queue();
  for (int lap = 0; lap < 30; ++lap) {
    for (int i = 0; i < 4; ++i) {
      driver.add({{1, true, 0x50000}, {1, true, 0x50000}});
    }
    driver.enable_interrupts();
    queue->pop()->complete(1);
    queue->flush();  // shown, but not signalled yet
    for (int i = 0; i < 3; ++i) {
      queue->pop()->complete(1);
    }
    CHECK(queue->needs_signal());
    for (int i = 0; i < 4; ++i) {
      CHECK(driver.take());
    }
    driver.add({{1, true, 0x50000}});
    driver.disable_interrupts();
    queue->pop()->complete(1);
    CHECK(!queue->needs_signal());
    CHECK(driver.take());
  }
}

TEST_CASE("A queue continues from its saved state") {
  const RingFeatures features = layout();
  VirtioDriver driver(features.packed ? 5 : 4, features);
  auto queue = driver.queue();
  for (int i = 0; i < 40; ++i) {
    const std::uint16_t first = driver.add({{1, true}});
    const std::uint16_t second = driver.add({{1}, {1, true}});
    queue->pop()->complete(1);
    const QueueState state = queue->state();
    queue = driver.queue(state);
    CHECK(queue->state() == state);
    queue->pop()->complete(1);
    queue->flush();
    CHECK(driver.take()->id == first);
    CHECK(driver.take()->id == second);
    CHECK(!driver.take());
    CHECK(!queue->pop());
  }
}

TEST_CASE("A queue with invalid addresses is not created") {
  VirtioDriver driver(16, layout());
  QueueConfig config = driver.config();
  SECTION("size") {
    config.size = GENERATE(std::uint16_t{0}, std::uint16_t{32769}, std::uint16_t{65535});
  }
  SECTION("descriptors") {
    config.descriptors = GENERATE(0x1008ULL, VirtioDriver::kMemory - 128, ~0ULL - 15);
  }
  SECTION("driver area") {
    config.driver_area = GENERATE(0x10001ULL, VirtioDriver::kMemory - 2);
  }
  SECTION("device area") {
    config.device_area = GENERATE(0x20002ULL, VirtioDriver::kMemory - 2);
  }
  CHECK(!Queue::create(driver.memory(), config, driver.features()).has_value());
}

TEST_CASE("Queues that share a memory are otherwise independent") {
  const RingFeatures features = layout();
  GuestMemory memory = test::make_guest_memory(2 * DriverQueue::kSpan);
  DriverQueue first(memory, 0, 16, features);
  DriverQueue second(memory, DriverQueue::kSpan, 8, features);
  const auto first_queue = first.queue();
  const auto second_queue = second.queue();
  second.add({{16, true}});
  CHECK(second.addresses()[0] > DriverQueue::kSpan);
  CHECK(!first_queue->pop());
  second_queue->pop()->complete(16);
  second_queue->flush();
  CHECK(!first.take());
  CHECK(second.take()->length == 16);
}

}  // namespace bothy::virtio
