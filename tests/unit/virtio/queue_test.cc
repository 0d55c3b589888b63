#include "devices/virtio/queue.h"

#include <vector>

#include "tests/support/catch.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;
using test::VirtioDriver;
using Buffer = VirtioDriver::Buffer;

constexpr RingFeatures kIndirect{.indirect = true, .event_index = false};
constexpr RingFeatures kEvents{.indirect = false, .event_index = true};

// The queue must refuse what the driver offers, say why, and leave the used ring alone.
void check_broken(const VirtioDriver& driver, Queue& queue, std::string_view why) {
  CHECK(!queue.pop());
  CHECK(queue.broken());
  CHECK(queue.why_broken().find(why) != std::string::npos);
  CHECK(driver.used_index() == 0);
  CHECK(!queue.pop());
  CHECK(!queue.enable_kicks());
}

}  // namespace

TEST_CASE("A chain shows its buffers, and what is written to them reaches the driver") {
  VirtioDriver driver;
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

  const auto used = driver.take();
  REQUIRE(used);
  CHECK(used->id == head);
  CHECK(used->length == 8);
  CHECK(driver.memory().read<std::uint32_t>(driver.addresses()[3]) == 0x05060708U);
  CHECK(driver.memory().read<std::uint16_t>(driver.addresses()[4]) == 0x0102U);
}

TEST_CASE("Requests complete in any order, and a forgotten one completes empty") {
  VirtioDriver driver;
  const auto queue = driver.queue();
  const std::uint16_t first = driver.add({{1, true}});
  const std::uint16_t second = driver.add({{1, true}});
  const std::uint16_t third = driver.add({{1, true}});
  {
    auto a = queue->pop();
    auto b = queue->pop();
    auto c = queue->pop();
    REQUIRE((a && b && c));
    c->complete(1);
    a = std::move(b);  // what was there goes
    CHECK(driver.used_index() == 2);
  }
  const std::vector<std::uint32_t> order{driver.take()->id, driver.take()->id, driver.take()->id};
  CHECK(order == std::vector<std::uint32_t>{third, first, second});
  CHECK(queue->state() == QueueState{3, 3});
}

TEST_CASE("Indices wrap at 65536") {
  VirtioDriver driver(4);
  const auto queue = driver.queue();
  for (int i = 0; i < 70000; ++i) {
    const std::uint16_t head = driver.add({{1, true, VirtioDriver::kHeap}});
    auto chain = queue->pop();
    REQUIRE(chain);
    chain->complete(1);
    REQUIRE(driver.take()->id == head);
  }
}

TEST_CASE("An indirect table is a chain of its own") {
  VirtioDriver driver(4, kIndirect);
  const auto queue = driver.queue();
  const std::vector<Buffer> buffers(100, Buffer{16, true});
  driver.add_indirect(buffers);
  const auto chain = queue->pop();
  REQUIRE(chain);
  CHECK(chain->writable().size() == 100);
  CHECK(chain->writer().remaining() == 1600);
}

TEST_CASE("What breaks the ring's rules breaks the queue and nothing else") {
  VirtioDriver driver(16, kIndirect);
  const auto queue = driver.queue();
  SECTION("a buffer beyond RAM") {
    driver.add({{16, false, VirtioDriver::kMemory - 8}});
    check_broken(driver, *queue, "not in RAM");
  }
  SECTION("a buffer that wraps") {
    driver.add({{16, false, ~std::uint64_t{0} - 4}});
    check_broken(driver, *queue, "not in RAM");
  }
  SECTION("a chain that loops") {
    driver.set_descriptor(3, {VirtioDriver::kHeap, 8, kDescriptorNext, 3});
    driver.offer(3);
    check_broken(driver, *queue, "never ends");
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
  SECTION("a buffer to read behind one to write") {
    driver.add({{8, true}, {8, false}});
    check_broken(driver, *queue, "behind");
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

TEST_CASE("Indirect descriptors that were not negotiated are refused") {
  VirtioDriver driver;
  const auto queue = driver.queue();
  driver.add_indirect(std::vector<Buffer>{{16, true}});
  check_broken(driver, *queue, "not negotiated");
}

TEST_CASE("A queue whose parts can't be where the driver says is not made") {
  VirtioDriver driver;
  QueueConfig config = driver.config();
  SECTION("size") {
    config.size = GENERATE(std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{65535});
  }
  SECTION("descriptor table") {
    config.descriptors = GENERATE(0x1008ULL, VirtioDriver::kMemory - 128, ~0ULL - 15);
  }
  SECTION("driver area") {
    config.driver_area = GENERATE(0x10001ULL, VirtioDriver::kMemory - 16);
  }
  SECTION("device area") {
    config.device_area = GENERATE(0x20002ULL, VirtioDriver::kMemory - 16);
  }
  CHECK(!Queue::create(driver.memory(), config, {}).has_value());
}

TEST_CASE("Kicks and interrupts by flags") {
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

TEST_CASE("Kicks and interrupts by event index, over a whole batch") {
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

TEST_CASE("A queue goes on from where it was saved") {
  VirtioDriver driver;
  QueueState state;
  {
    const auto queue = driver.queue();
    driver.add({{1, true}});
    driver.add({{1, true}});
    queue->pop()->complete(1);
    state = queue->state();
  }
  const auto queue = Queue::create(driver.memory(), driver.config(), {}, state);
  REQUIRE(queue.has_value());
  auto chain = queue.value()->pop();
  REQUIRE(chain);
  chain->complete(1);
  CHECK(driver.used_index() == 2);
}

TEST_CASE("Queues that share a memory don't share anything else") {
  GuestMemory memory = test::make_guest_memory(2 * DriverQueue::kSpan);
  DriverQueue first(memory, 0);
  DriverQueue second(memory, DriverQueue::kSpan, 8);
  const auto first_queue = first.queue();
  const auto second_queue = second.queue();
  second.add({{16, true}});
  CHECK(second.addresses()[0] > DriverQueue::kSpan);
  CHECK(!first_queue->pop());
  second_queue->pop()->complete(16);
  CHECK(!first.take());
  CHECK(second.take()->length == 16);
}

}  // namespace bothy::virtio
