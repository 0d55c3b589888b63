#include "devices/virtio/queue/split_queue.h"

#include <vector>

#include "tests/unit/devices/virtio/queue/queue_fixture.h"

namespace bothy::virtio {
namespace {

using test::VirtioDriver;
using Buffer = VirtioDriver::Buffer;

constexpr RingFeatures kIndirect{.indirect = true};
constexpr RingFeatures kEvents{.event_index = true};

}  // namespace

TEST_CASE("A violation of a split ring's rules breaks the queue and nothing else") {
  VirtioDriver driver(16, kIndirect);
  const auto queue = driver.queue();
  SECTION("a chain that loops") {
    driver.set_descriptor(3, {VirtioDriver::kHeap, 8, kDescriptorNext, 3});
    driver.offer(3);
    check_broken(driver, *queue, "endless");
  }
  SECTION("a chain that leaves the table") {
    driver.set_descriptor(3, {VirtioDriver::kHeap, 8, kDescriptorNext, 16});
    driver.offer(3);
    check_broken(driver, *queue, "descriptor 16 of 16");
  }
  SECTION("a head outside the table") {
    driver.offer(16);
    check_broken(driver, *queue, "descriptor 16 of 16");
  }
  SECTION("an index that jumps") {
    driver.set_available_index(17);
    check_broken(driver, *queue, "jumped");
  }
  SECTION("an index that goes back") {
    driver.add({{1, true}});
    queue->pop()->complete(1);
    queue->flush();
    driver.set_available_index(0);
    check_broken(driver, *queue, "jumped");
  }
  SECTION("an indirect table in an indirect table") {
    REQUIRE(driver.memory().write(VirtioDriver::kHeap,
                                  Descriptor{VirtioDriver::kHeap, 16, kDescriptorIndirect, 0}));
    driver.set_descriptor(0, {VirtioDriver::kHeap, 16, kDescriptorIndirect, 0});
    driver.offer(0);
    check_broken(driver, *queue, "in an indirect table");
  }
  SECTION("an indirect table of half a descriptor, of none, of too many, beyond RAM") {
    const std::uint32_t length = GENERATE(24U, 0U, 1025U * 16, 0x10U);
    const GuestAddress address = length == 0x10 ? VirtioDriver::kMemory - 8 : VirtioDriver::kHeap;
    driver.set_descriptor(0, {address, length, kDescriptorIndirect, 0});
    driver.offer(0);
    check_broken(driver, *queue, "indirect table");
  }
  SECTION("an indirect descriptor that goes on, or comes second") {
    driver.set_descriptor(0, {VirtioDriver::kHeap, 16, kDescriptorIndirect | kDescriptorNext, 1});
    driver.set_descriptor(1, {VirtioDriver::kHeap, 16, kDescriptorNext, 0});
    driver.offer(GENERATE(std::uint16_t{0}, std::uint16_t{1}));
    check_broken(driver, *queue, "indirect descriptor");
  }
}

TEST_CASE("Requests in flight never exceed the descriptors of a split ring") {
  VirtioDriver driver(4);
  const auto queue = driver.queue();
  driver.set_descriptor(0, {VirtioDriver::kHeap, 8, 0, 0});
  std::vector<Chain> out;
  for (int i = 0; i < 4; ++i) {
    driver.offer(0);
    auto chain = queue->pop();
    REQUIRE(chain);
    out.push_back(std::move(*chain));
  }
  driver.offer(0);
  check_broken(driver, *queue, "jumped");
}

TEST_CASE("A split queue needs a size that is a power of two, and a valid state") {
  VirtioDriver driver;
  QueueConfig config = driver.config();
  CHECK(Queue::create(driver.memory(), config, {}, {65530, 65529}).has_value());
  CHECK(Queue::create(driver.memory(), config, {}, {8, 65528}).has_value());
  CHECK(!Queue::create(driver.memory(), config, {}, {9, 65528}).has_value());
  CHECK(!Queue::create(driver.memory(), config, {}, {4, 5}).has_value());
  config.size = GENERATE(std::uint16_t{3}, std::uint16_t{24});
  CHECK(!Queue::create(driver.memory(), config, {}).has_value());
}

TEST_CASE("Kicks and interrupts of a split queue by flags") {
  VirtioDriver driver;
  const auto queue = driver.queue();
  queue->disable_kicks();
  CHECK(driver.used_flags() == kNoNotify);
  driver.add({{1, true}});
  CHECK(queue->enable_kicks());  // it came while kicks were off
  CHECK(driver.used_flags() == 0);
  CHECK(!queue->needs_signal());
  queue->pop()->complete(1);
  CHECK(!queue->enable_kicks());
  CHECK(queue->needs_signal());
  CHECK(!queue->needs_signal());
  driver.set_available_flags(kNoInterrupt);
  driver.add({{1, true}});
  queue->pop()->complete(1);
  CHECK(!queue->needs_signal());
}

TEST_CASE("Kicks and interrupts of a split queue by event index, over a whole batch") {
  VirtioDriver driver(16, kEvents);
  const auto queue = driver.queue();
  driver.set_used_event(2);  // an interrupt once the third is done
  for (int i = 0; i < 5; ++i) {
    driver.add({{1, true}});
  }
  queue->pop()->complete(1);
  queue->pop()->complete(1);
  CHECK(!queue->needs_signal());
  queue->pop()->complete(1);
  queue->pop()->complete(1);  // passes it in the midst of a batch
  CHECK(queue->needs_signal());
  queue->pop()->complete(1);
  CHECK(!queue->needs_signal());
  CHECK(!queue->enable_kicks());
  CHECK(driver.available_event() == 5);
  driver.add({{1, true}});
  CHECK(queue->enable_kicks());
}

TEST_CASE("A signal deferred over more completions than an index counts is not lost") {
  VirtioDriver driver(16, kEvents);
  const auto queue = driver.queue();
  driver.set_used_event(0);
  for (int i = 0; i < 65536; ++i) {
    driver.add({{1, true, VirtioDriver::kHeap}});
    queue->pop()->complete(1);
    queue->flush();
  }
  CHECK(driver.used_index() == 0);
  CHECK(queue->needs_signal());
}

}  // namespace bothy::virtio
