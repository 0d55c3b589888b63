#include "devices/virtio/net/net.h"

#include <endian.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <future>
#include <thread>

#include <boost/asio/post.hpp>

#include "base/executor.h"
#include "devices/host/net/packet_socket.h"
#include "devices/virtio/net/layout.h"
#include "tests/support/catch.h"
#include "tests/support/fake_port.h"
#include "tests/support/hang_limit.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;
using test::FakePort;
using test::make_packet;

constexpr std::uint32_t kBuffer = 2048;

// Records the device's notifications.
class Link final : public DriverLink {
 public:
  void signal_queue(std::uint16_t queue) noexcept override {
    record([&] { signals_.push_back(queue); });
  }
  void signal_config() noexcept override {
    record([&] { ++configs_; });
  }
  void park(const std::string& why) noexcept override {
    record([&] { why_parked_ = why; });
  }

  // Waits until `what` holds; checked at every notification.
  template <class Condition>
  bool wait(Condition what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, test::kHangLimit, what);
  }
  // Under the lock of wait().
  int configs_ = 0;
  std::string why_parked_;
  std::vector<std::uint16_t> signals_;

 private:
  template <class Change>
  void record(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Ends {
  UniqueFd device;
  UniqueFd test;
};

Ends socket_ends(int type) {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A device over one end of a socket pair, and a driver of its three queues.
struct Rig {
  Ends ends;
  Executor executor{"test-device"};
  GuestMemory memory = test::make_guest_memory(3 * DriverQueue::kSpan);
  RingFeatures layout{.indirect = false, .event_index = true, .packed = GENERATE(false, true)};
  DriverQueue receive{memory, 0, 16, layout};
  DriverQueue transmit{memory, DriverQueue::kSpan, 16, layout};
  DriverQueue control{memory, 2 * DriverQueue::kSpan, 16, layout};
  std::array<EventFd, 3> kicks{EventFd::create().value(), EventFd::create().value(),
                               EventFd::create().value()};
  Link link;
  std::unique_ptr<Net> net;

  explicit Rig(int type = SOCK_DGRAM, NetConfig config = {}) : ends(socket_ends(type)) {
    REQUIRE(executor.start().has_value());
    net = std::make_unique<Net>(config,
                                PacketSocket::adopt(std::move(ends.device), "a socket").value(),
                                executor.context());
  }
  ~Rig() {
    if (started) {
      stop();
    }
  }

  template <class Task>
  void on_executor(Task task) {
    std::promise<void> done;
    boost::asio::post(executor.context(), [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void start(std::uint64_t features = feature(kNetMergeableBuffers)) {
    std::vector<ActiveQueue> queues(3);
    queues[0] = {receive.queue(), &kicks[0], 0};
    queues[1] = {transmit.queue(), &kicks[1], 1};
    queues[2] = {control.queue(), &kicks[2], 2};
    on_executor([&] { net->start(features, std::move(queues), link); });
    started = true;
  }
  std::vector<QueueState> stop() {
    std::vector<QueueState> states;
    on_executor([&] { states = net->stop(); });
    started = false;
    return states;
  }

  void send(std::uint32_t size, unsigned seed = 1) {
    const GuestAddress at = transmit.allocate(size);
    REQUIRE(memory.write_bytes(at, make_packet(size, seed)));
    transmit.add({{size, false, at}});
    kicks[1].signal();
  }
  // Until the device has used `count` buffers and notified the driver of some. Not of each: the
  // driver has event indices and takes no buffer meanwhile.
  bool wait_used(const DriverQueue& queue, std::uint16_t count) {
    return test::eventually([&] { return queue.used_index() == count; }) &&
           link.wait([&] { return !link.signals_.empty(); });
  }
  [[nodiscard]] std::uint16_t link_status() const {
    std::array<std::byte, 2> status{};
    net->read_config(6, status);
    return static_cast<std::uint16_t>(status[0]);
  }
  bool started = false;
};

FakePort::Packet frame(std::size_t size, unsigned seed = 1) {
  auto packet = make_packet(size, seed);
  packet.erase(packet.begin(), packet.begin() + PacketPort::kHeader);
  return packet;
}

// The next bytes that the device sends, at most `max`.
FakePort::Packet read_some(const UniqueFd& fd, std::size_t max) {
  FakePort::Packet bytes(max);
  const ssize_t got = ::recv(fd.get(), bytes.data(), max, 0);
  REQUIRE(got >= 0);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

}  // namespace

TEST_CASE("Frames go both ways between driver and backend") {
  Rig rig;
  rig.receive.add({{kBuffer, true}});
  rig.start();
  rig.send(1000);
  CHECK(read_some(rig.ends.test, 4096) == frame(1000));
  REQUIRE(rig.wait_used(rig.transmit, 1));

  const auto incoming = frame(600, 4);
  REQUIRE(::send(rig.ends.test.get(), incoming.data(), incoming.size(), 0) ==
          static_cast<ssize_t>(incoming.size()));
  REQUIRE(rig.wait_used(rig.receive, 1));
  CHECK(rig.receive.take()->length == 600);
  const auto got = rig.memory.slice(rig.receive.addresses().front(), 600).value();
  CHECK(std::equal(got.begin() + 12, got.end(), incoming.begin()));
  CHECK(rig.memory.read<std::uint16_t>(rig.receive.addresses().front() + 10) == 1);
  const auto states = rig.stop();
  CHECK(states[0].next_used == 1);
  CHECK(states[1].next_used == 1);
  CHECK(rig.net->statistics().received.bytes == 588);
  CHECK(rig.net->statistics().sent.packets == 1);
}

TEST_CASE("Frames over a stream keep their boundaries") {
  Rig rig(SOCK_STREAM);
  for (int i = 0; i < 4; ++i) {
    rig.receive.add({{kBuffer, true}});
  }
  rig.start();
  rig.send(100, 3);
  const auto sent = read_some(rig.ends.test, 4096);
  REQUIRE(sent.size() == 4 + 88);
  CHECK(sent[3] == std::byte{88});
  CHECK(FakePort::Packet(sent.begin() + 4, sent.end()) == frame(100, 3));

  // Two frames in three pieces.
  FakePort::Packet stream;
  for (const std::size_t size : {300U, 1500U}) {
    const std::uint32_t length = htobe32(static_cast<std::uint32_t>(size - 12));
    const auto bytes = std::as_bytes(std::span(&length, 1));
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    const auto body = frame(size);
    stream.insert(stream.end(), body.begin(), body.end());
  }
  std::size_t begin = 0;
  for (const std::size_t end : {std::size_t{2}, std::size_t{700}, stream.size()}) {
    REQUIRE(::send(rig.ends.test.get(), stream.data() + begin, end - begin, 0) > 0);
    begin = end;
  }
  REQUIRE(rig.wait_used(rig.receive, 2));
  CHECK(rig.receive.take()->length == 300);
  CHECK(rig.receive.take()->length == 1500);
}

TEST_CASE("The link goes down when a stream ends, or has an invalid frame length") {
  Rig rig(SOCK_STREAM);
  rig.receive.add({{kBuffer, true}});
  rig.start();
  CHECK(rig.link_status() == kNetLinkUp);
  if (GENERATE(false, true)) {
    const std::uint32_t length = GENERATE(0U, htobe32(65551U), 0xffffffffU);
    REQUIRE(::send(rig.ends.test.get(), &length, sizeof(length), 0) == 4);
  } else {
    rig.ends.test.reset();
  }
  REQUIRE(rig.link.wait([&] { return rig.link.configs_ == 1; }));
  CHECK(rig.link_status() == 0);
  CHECK(!rig.net->link_up());
  // The driver's packets are still completed.
  rig.send(100);
  REQUIRE(rig.wait_used(rig.transmit, 1));
  CHECK(rig.net->statistics().sent.dropped == 1);
  CHECK(rig.link.why_parked_.empty());
}

TEST_CASE("Packets wait for receive buffers") {
  Rig rig;
  rig.start();
  const auto incoming = frame(200);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(::send(rig.ends.test.get(), incoming.data(), incoming.size(), 0) > 0);
  }
  for (std::uint16_t i = 1; i <= 3; ++i) {
    rig.receive.add({{kBuffer, true}});
    rig.kicks[0].signal();
    REQUIRE(rig.wait_used(rig.receive, i));
    CHECK(rig.receive.take()->length == 200);
  }
}

TEST_CASE("A slow reader of a stream loses no frame") {
  Rig rig(SOCK_STREAM);
  const int small = 4096;
  REQUIRE(::setsockopt(rig.ends.test.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
  rig.start();
  constexpr std::size_t kFrame = 60000;
  constexpr std::uint16_t kFrames = 12;
  std::size_t seen = 0;
  const std::size_t wanted = kFrames * (4 + kFrame - 12);
  for (int i = 0; i < kFrames; ++i) {
    rig.transmit.add(
        {{static_cast<std::uint32_t>(kFrame), false, DriverQueue::kSpan + DriverQueue::kHeap}});
  }
  rig.kicks[1].signal();
  while (seen < wanted) {
    seen += read_some(rig.ends.test, 10000).size();
  }
  CHECK(seen == wanted);
  REQUIRE(rig.wait_used(rig.transmit, kFrames));
}

TEST_CASE("A broken ring makes the device need a reset, and it can be stopped") {
  Rig rig;
  rig.start();
  DriverQueue& broken = GENERATE(false, true) ? rig.receive : rig.transmit;
  broken.break_ring();
  REQUIRE(::send(rig.ends.test.get(), "x", 1, 0) ==
          1);  // the receive queue is only read for a packet
  rig.kicks[1].signal();
  REQUIRE(rig.link.wait([&] { return !rig.link.why_parked_.empty(); }));
  CHECK(rig.stop().size() == 3);
}

TEST_CASE("A device that needs a reset doesn't spin for a delayed packet") {
  NetConfig config;
  config.transmit.operations = 10;
  Rig rig(SOCK_DGRAM, config);
  rig.receive.add({{kBuffer, true}});
  rig.start();
  rig.send(100);
  rig.send(100);
  REQUIRE(rig.wait_used(rig.transmit, 1));
  rig.receive.break_ring();
  REQUIRE(::send(rig.ends.test.get(), "x", 1, 0) == 1);
  REQUIRE(rig.link.wait([&] { return !rig.link.why_parked_.empty(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until the packet is due
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 10);
}

TEST_CASE("A device runs without the queues that the driver left out") {
  Rig rig;
  rig.on_executor([&] { rig.net->start(0, std::vector<ActiveQueue>(3), rig.link); });
  rig.started = true;
  CHECK(rig.stop() == std::vector<QueueState>(3));
}

TEST_CASE("The config space has address, link status, pairs and MTU") {
  NetConfig config;
  config.mac = {2, 0, 0, 0, 0, 5};
  config.mtu = 9000;
  Rig rig(SOCK_DGRAM, config);
  std::array<std::byte, 14> space{};
  rig.net->read_config(0, space);
  CHECK(space[0] == std::byte{2});
  CHECK(space[5] == std::byte{5});
  CHECK(space[6] == std::byte{1});  // up
  CHECK(space[8] == std::byte{1});  // one pair
  CHECK(space[10] == std::byte{9000 & 0xff});
  CHECK(space[11] == std::byte{9000 >> 8});
  std::array<std::byte, 4> beyond{};
  rig.net->read_config(~std::uint64_t{0} - 1, beyond);
  rig.net->read_config(100, beyond);
  CHECK(beyond == std::array<std::byte, 4>{});
  // Frames on a socket have no header, so no offloads.
  CHECK((rig.net->features() & (feature(kNetCsum) | feature(kNetGuestCsum) | feature(kNetHostTso4) |
                                feature(kNetMultiQueue))) == 0);
  CHECK((rig.net->features() & feature(kNetMtu)) != 0);
}

TEST_CASE("The control queue is served") {
  Rig rig;
  rig.start();
  const GuestAddress at = rig.control.allocate(16);
  REQUIRE(rig.memory.write(at, std::array<std::uint8_t, 8>{1, 1, 2, 1, 2, 3, 4, 5}));
  rig.control.add({{2, false, at}, {6, false, at + 2}, {1, true, at + 8}});
  rig.kicks[2].signal();
  REQUIRE(rig.wait_used(rig.control, 1));
  CHECK(rig.memory.read<std::uint8_t>(at + 8) == kNetOk);
  std::array<std::byte, 6> mac{};
  rig.net->read_config(0, mac);
  CHECK(mac[5] == std::byte{5});
}

}  // namespace bothy::virtio
