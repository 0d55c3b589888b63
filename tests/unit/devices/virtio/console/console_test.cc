#include "devices/virtio/console/console.h"

#include <array>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "base/executor.h"
#include "tests/unit/devices/virtio/console/console_rig.h"

namespace bothy::virtio {

TEST_CASE("A single console has two queues and no control queues") {
  ConsoleRig rig(alone(), {132, 43});
  CHECK(rig.console().queue_sizes().size() == 2);
  CHECK(rig.console().features() == (kSize | 1U << VIRTIO_CONSOLE_F_EMERG_WRITE));
  CHECK(config<std::uint16_t>(rig.console(), 0) == 132);
  CHECK(config<std::uint16_t>(rig.console(), 2) == 43);
  CHECK(config<std::uint32_t>(rig.console(), 4) == 0);
  CHECK(config<std::uint64_t>(rig.console(), 10) == 0);
  CHECK(config<std::uint64_t>(rig.console(), 1ULL << 40U) == 0);
}

TEST_CASE("Output of the guest reaches the sink, and its buffers are used") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.put(1, "one ");
  rig.put(1, "two ");
  rig.put(1, "");
  rig.send(1, "three");
  CHECK(rig.sink().take() == "one two three");
  CHECK(rig.queue(1).used_index() == 4);
  CHECK(rig.link().take_signalled() == std::vector<std::uint16_t>{1});
}

TEST_CASE(
    "A request of several buffers is sent in order, and its writable buffers are not written") {
  RingFeatures rings = either_layout();
  rings.indirect = true;
  ConsoleRig rig(alone(), {}, rings);
  rig.start(0);
  test::DriverQueue& queue = rig.queue(1);
  queue.add_indirect(std::array<test::DriverQueue::Buffer, 3>{{{3, false}, {2, false}, {9, true}}});
  rig.kick(1);
  CHECK(rig.sink().take().size() == 5);
  CHECK(queue.take()->length == 0);
}

TEST_CASE("Output waits while the sink has no room") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.sink().limit(5);
  rig.send(1, "abc");
  rig.send(1, "defgh");
  rig.send(1, "i");
  CHECK(rig.sink().take() == "abcde");
  CHECK(rig.queue(1).used_index() == 1);
  rig.sink().limit(2);
  rig.run();
  CHECK(rig.sink().take() == "fg");
  CHECK(rig.queue(1).used_index() == 1);
  rig.sink().limit(100);
  rig.run();
  CHECK(rig.sink().take() == "hi");
  CHECK(rig.queue(1).used_index() == 3);
}

TEST_CASE("A request that is sent in part when the device stops is completed") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.sink().limit(1);
  rig.send(1, "ab");
  rig.stop();
  CHECK(rig.queue(1).used_index() == 1);
  rig.sink().limit(100);
  rig.run();
  CHECK(rig.sink().take() == "a");
}

TEST_CASE("A request that is not sent at all when the device stops stays in its queue") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.sink().limit(0);
  rig.send(1, "later");
  const auto states = rig.stop();
  CHECK(rig.queue(1).used_index() == 0);
  rig.sink().limit(100);
  CHECK(rig.sink().take().empty());
  rig.start(0, states);
  CHECK(rig.sink().take() == "later");
  CHECK(rig.queue(1).used_index() == 1);
}

TEST_CASE("stop() sends output that is available") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.put(1, "bye");
  const auto states = rig.stop();
  CHECK(rig.sink().take() == "bye");
  CHECK(states.at(1).next_used == 1);
}

TEST_CASE("A request of megabytes is sent in pieces") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.sink().limit(std::size_t{1} << 20U);
  // The same memory in each of eight buffers.
  const std::uint32_t size = 1U << 20U;
  const test::DriverQueue::Buffer buffer{size, false, 0};
  rig.queue(1).add(std::vector(8, buffer));
  rig.kick(1);
  CHECK(rig.sink().take().size() == size);
  CHECK(rig.queue(1).used_index() == 0);
  rig.sink().limit(std::size_t{16} << 20U);
  rig.run();
  CHECK(rig.sink().take().size() == 7 * size);
  CHECK(rig.queue(1).used_index() == 1);
}

TEST_CASE("Input fills buffers in order, with one used buffer notification") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.offer(0, 4);
  rig.offer(0, 4);
  CHECK(rig.port().receive(bytes("abcdef")) == 6);
  CHECK(rig.taken(0) == "abcd");
  CHECK(rig.taken(0) == "ef");
  CHECK(rig.link().take_signalled() == std::vector<std::uint16_t>{0});
}

TEST_CASE("Input stays with the sender until there is a driver with buffers") {
  ConsoleRig rig(alone());
  int rooms = 0;
  rig.port().set_room_hook([&] { ++rooms; });
  CHECK(rig.port().receive(bytes("abc")) == 0);
  rig.start(0);
  CHECK(rooms == 1);
  CHECK(rig.port().receive(bytes("abc")) == 0);
  rig.offer(0, 2);
  rig.kick(0);
  CHECK(rooms == 2);
  CHECK(rig.port().receive(bytes("abc")) == 2);
  rig.offer(0, 2);
  rig.kick(0);
  CHECK(rooms == 3);
  CHECK(rig.port().receive(bytes("c")) == 1);
  rig.offer(0, 2);
  rig.kick(0);
  CHECK(rooms == 3);  // no bytes were left over
  CHECK(rig.taken(0) == "ab");
  CHECK(rig.taken(0) == "c");
  rig.stop();
  CHECK(rig.port().receive(bytes("abc")) == 0);
}

TEST_CASE("Readable and empty buffers on the receive queue take no input") {
  ConsoleRig rig(alone());
  rig.start(0);
  rig.queue(0).add({{8, false}});
  rig.queue(0).add({{0, true}});
  CHECK(rig.port().receive(bytes("abc")) == 0);
  CHECK(rig.queue(0).used_index() == 2);
}

TEST_CASE("A broken ring of either queue makes the device need a reset") {
  ConsoleRig rig(alone());
  rig.start(0);
  const bool input = GENERATE(true, false);
  rig.queue(input ? 0 : 1).break_ring();
  if (input) {
    CHECK(rig.port().receive(bytes("abc")) == 0);
  } else {
    rig.kick(1);
  }
  CHECK_FALSE(rig.link().why_parked().empty());
}

TEST_CASE("An emergency write needs no driver") {
  ConsoleRig rig(alone());
  const std::array data{std::byte{'!'}, std::byte{0}, std::byte{0}, std::byte{0}};
  rig.console().write_config(8, data);
  rig.console().write_config(4, data);
  rig.console().write_config(8, {});
  CHECK(rig.sink().take() == "!");
}

TEST_CASE("A new size is in the config space, and the driver is notified") {
  ConsoleRig rig(alone(), {80, 25});
  rig.console().resize({81, 26});
  rig.run();
  CHECK(rig.link().config_changes() == 0);
  rig.start(kSize);
  rig.send(1, "x");
  CHECK(rig.link().config_changes() == 1);  // with the first output
  rig.console().resize({100, 40});
  rig.run();
  CHECK(rig.link().config_changes() == 2);
  CHECK(config<std::uint16_t>(rig.console(), 0) == 100);
  CHECK(config<std::uint16_t>(rig.console(), 2) == 40);
  rig.console().resize({100, 40});
  rig.run();
  CHECK(rig.link().config_changes() == 2);
}

TEST_CASE(
    "Early input is held back until the driver has read the config space after a notification") {
  ConsoleRig rig(alone());
  int rooms = 0;
  rig.port().set_room_hook([&] { ++rooms; });
  rig.start(kSize);
  rig.offer(0, 8);
  config<std::uint16_t>(rig.console(), 0);  // before the notification
  rig.run();
  CHECK(rig.port().receive(bytes("abc")) == 0);
  CHECK(rig.port().receive(bytes("abc")) == 0);
  rig.run();
  CHECK(rig.link().config_changes() == 1);
  config<std::uint32_t>(rig.console(), 4);  // not the size
  rig.run();
  CHECK(rooms == 0);
  config<std::uint16_t>(rig.console(), 0);
  config<std::uint16_t>(rig.console(), 2);
  rig.run();
  CHECK(rooms == 1);
  CHECK(rig.port().receive(bytes("abc")) == 3);
  CHECK(rig.taken(0) == "abc");
  rig.stop();
  rig.start(kSize);  // another driver
  rig.offer(0, 8);
  CHECK(rig.port().receive(bytes("abc")) == 0);
}

TEST_CASE("A driver that doesn't read the config space gets early input after the timeout") {
  ConsoleRig rig(alone(), {}, either_layout(), std::chrono::milliseconds(1));
  rig.start(kSize);
  rig.offer(0, 8);
  CHECK(rig.port().receive(bytes("abc")) == 0);
  rig.run_until([&] { return rig.port().receive(bytes("abc")) == 3; });
  CHECK(rig.taken(0) == "abc");
}

TEST_CASE("Without a size there are no config change notifications") {
  ConsoleRig rig(alone());
  rig.start(kSize);
  rig.send(1, "x");
  CHECK(rig.link().config_changes() == 0);
}

TEST_CASE("Input may come from another thread while the device runs") {
  constexpr std::size_t kTotal = 20000;
  GuestMemory memory = test::make_guest_memory(2 * test::DriverQueue::kSpan);
  const RingFeatures rings = either_layout();
  test::DriverQueue to_guest(memory, 0, 16, rings);
  test::DriverQueue from_guest(memory, test::DriverQueue::kSpan, 16, rings);
  const EventFd to_guest_kick = EventFd::create().value();
  const EventFd from_guest_kick = EventFd::create().value();
  CharacterRecorder sink;
  test::LinkRecorder link;
  Executor executor("device");
  Console console(executor.context(), {{"", true, true, &sink}});
  REQUIRE(executor.start().has_value());
  std::promise<void> started;
  boost::asio::post(executor.context(), [&] {
    std::vector<ActiveQueue> queues;
    queues.push_back({to_guest.queue(), &to_guest_kick, 0});
    queues.push_back({from_guest.queue(), &from_guest_kick, 1});
    console.start(0, std::move(queues), link);
    started.set_value();
  });
  started.get_future().wait();

  std::thread host([&] {
    const std::string text(kTotal, 'i');
    std::size_t sent = 0;
    for (std::uint16_t size = 1; sent < kTotal; ++size) {
      console.resize({size, size});
      sent += console.port(0).receive(bytes(text).subspan(sent));
    }
  });
  std::size_t received = 0;
  for (int i = 0; received < kTotal; ++i) {
    to_guest.add({{100, true}});
    to_guest_kick.signal();
    if (i % 50 == 0) {
      from_guest.add({{10, false}});
      from_guest_kick.signal();
    }
    for (auto used = to_guest.take(); !used; used = to_guest.take()) {
      std::this_thread::yield();
    }
    received += 100;
    static_cast<void>(from_guest.take());
  }
  host.join();
  std::promise<void> stopped;
  boost::asio::post(executor.context(), [&] {
    console.stop();
    stopped.set_value();
  });
  stopped.get_future().wait();
  executor.stop();
  CHECK(received == kTotal);
  CHECK(sink.take().size() == 10 * (kTotal / 100 / 50));
  CHECK(link.why_parked().empty());
}

}  // namespace bothy::virtio
