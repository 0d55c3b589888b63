#include "devices/virtio/fs/fs.h"

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "tests/support/catch.h"
#include "tests/support/link_recorder.h"
#include "tests/support/vhost_back_end.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;
using test::VhostBackEnd;
using test::VhostMessage;

constexpr std::uint16_t kSize = 16;
constexpr std::uint32_t kRequest = 40;
constexpr std::uint32_t kAnswer = 16;

struct Answer {
  std::uint32_t length = 0;
  std::int32_t error = 0;
  std::uint64_t unique = 0;
};

GuestMemory shared_memory() {
  const std::array ranges{MemoryRange{0, 2 * DriverQueue::kSpan}};
  return GuestMemory::create(ranges, MemoryBacking::kShared).value();
}

// A device and its driver on the test's thread, and a back end on a thread of its own.
struct Rig {
  explicit Rig(VhostBackEnd::Behaviour behaviour = {}) : back_end(std::move(behaviour)) {
    fs = Fs::create({.tag = "data", .directory = {}}, back_end.take_socket(), nullptr, memory,
                    executor)
             .value();
    REQUIRE(fs->connect());
  }
  ~Rig() {
    if (running) {
      static_cast<void>(fs->stop());
    }
  }

  void start(bool with_first = true) {
    std::vector<ActiveQueue> active(2);
    if (with_first) {
      active[0] = {first.queue(), &kicks[0], 0, first.config()};
    }
    active[1] = {requests.queue(), &kicks[1], 1, requests.config()};
    fs->start(feature(kFeatureVersion1), std::move(active), link);
    running = true;
  }
  std::vector<QueueState> stop() {
    running = false;
    return fs->stop();
  }
  // Runs the tasks that are ready.
  void run() {
    executor.restart();
    executor.poll();
  }
  void run_until_parked() {
    while (link.why_parked().empty()) {
      executor.restart();
      executor.run_one();
    }
    run();
  }
  std::uint16_t ask(std::uint64_t unique) {
    const std::uint16_t head = requests.add({{kRequest, false}, {kAnswer, true}});
    static_cast<void>(memory.write(requests.addresses()[0] + 8, unique));
    answers[head] = requests.addresses()[1];
    return head;
  }
  Answer answer(std::uint32_t head) {
    return *memory.read<Answer>(answers.at(static_cast<std::uint16_t>(head)));
  }

  GuestMemory memory = shared_memory();
  DriverQueue first{memory, 0, kSize};
  DriverQueue requests{memory, DriverQueue::kSpan, kSize};
  std::array<EventFd, 2> kicks{EventFd::create().value(), EventFd::create().value()};
  std::map<std::uint16_t, GuestAddress> answers;
  test::LinkRecorder link;
  boost::asio::io_context executor;
  VhostBackEnd back_end;
  std::unique_ptr<Fs> fs;
  bool running = false;
};

// The messages of one kind.
std::vector<VhostMessage> only(std::vector<VhostMessage> messages, std::uint32_t request) {
  std::erase_if(messages, [&](const VhostMessage& message) { return message.request != request; });
  return messages;
}

}  // namespace

TEST_CASE("The config space has the tag and one request queue") {
  Rig rig;
  std::array<std::byte, 44> config{};
  rig.fs->read_config(0, config);
  CHECK(std::string(reinterpret_cast<const char*>(config.data())) == "data");
  CHECK(config[36] == std::byte{1});
  std::array<std::byte, 4> count{};
  rig.fs->read_config(36, count);
  CHECK(count[0] == std::byte{1});
  rig.fs->read_config(1ULL << 63U, count);
}

TEST_CASE("Only ring features of the back end are offered") {
  const Rig rig({.features = 1ULL << 34U | 1ULL << 32U | 1ULL << 30U | 1ULL << 28U});
  CHECK(rig.fs->ring_features() == (1ULL << 32U | 1ULL << 28U));
}

TEST_CASE("The back end gets the rings, and its calls become used buffer notifications") {
  Rig rig({.position = 3});
  rig.start();
  static_cast<void>(rig.ask(1));
  const auto messages = rig.back_end.take_messages();
  const auto rings = only(rig.back_end.take_messages(), 9);
  rig.kicks[1].signal();
  rig.run();
  CHECK(rig.requests.used_index() == 0);
  CHECK(rig.link.take_signalled().empty());
  for (const VhostMessage& message : messages) {
    if (message.request == 13 && message.at<std::uint64_t>(0) == 1) {
      const std::uint64_t one = 1;
      REQUIRE(::write(message.fds.at(0).get(), &one, sizeof(one)) == sizeof(one));
    }
    if (message.request == 9 && message.at<std::uint32_t>(0) == 1) {
      CHECK(message.at<std::uint64_t>(8) == rig.requests.config().descriptors);
    }
  }
  rig.executor.restart();
  rig.executor.run_one();
  CHECK(rig.link.take_signalled() == std::vector<std::uint16_t>{1});
  const auto states = rig.stop();
  CHECK(states.at(1) == QueueState{.next_available = 3, .next_used = 3});
  CHECK(rig.link.why_parked().empty());

  rig.start(false);
  CHECK(only(rig.back_end.take_messages(), 12).size() == 1);
}

TEST_CASE("When the back end ends, all requests are answered with ENOTCONN") {
  Rig rig;
  rig.start();
  const auto config = rig.requests.config();
  const std::uint16_t one = rig.ask(11);
  const std::uint16_t two = rig.ask(12);
  {
    // As the back end: take both, and complete the second.
    const auto queue = Queue::create(rig.memory, config, {}).value();
    auto taken = queue->pop();
    auto done = queue->pop();
    done->complete(kAnswer);
    queue->flush();
    // Not flushed, as by a process that has ended.
    taken->complete(0);
  }
  REQUIRE(rig.requests.take()->id == two);
  rig.back_end.hang_up();
  rig.run_until_parked();
  CHECK(rig.link.why_parked().find("'data'") != std::string::npos);
  const auto used = rig.requests.take();
  REQUIRE(used);
  CHECK(used->id == one);
  CHECK(used->length == kAnswer);
  CHECK(rig.answer(one).error == -ENOTCONN);
  CHECK(rig.answer(one).unique == 11);
  CHECK(!rig.link.take_signalled().empty());

  const std::uint16_t three = rig.ask(13);
  rig.kicks[1].signal();
  rig.executor.restart();
  rig.executor.run_one();
  REQUIRE(rig.requests.take());
  CHECK(rig.answer(three).error == -ENOTCONN);
  CHECK(rig.answer(three).length == kAnswer);
  // A request that expects no answer.
  const std::uint16_t forget = rig.requests.add({{kRequest, false}});
  rig.kicks[1].signal();
  rig.run();
  CHECK(rig.requests.take()->id == forget);
}

TEST_CASE("A device whose back end ends during the start answers with ENOTCONN") {
  const bool at_start = GENERATE(true, false);
  // The seventh message is the first of start().
  Rig rig({.die_at = at_start ? std::optional<std::size_t>(6) : 10});
  const std::uint16_t head = rig.ask(5);
  rig.start();
  CHECK(!rig.link.why_parked().empty());
  rig.run();
  REQUIRE(rig.requests.take());
  CHECK(rig.answer(head).error == -ENOTCONN);
  rig.stop();
  // The same for the next start.
  rig.start();
  rig.run();
  CHECK(!rig.link.take_signalled().empty());
}

TEST_CASE("A back end that doesn't return a ring is disconnected") {
  VhostBackEnd::Behaviour behaviour;
  behaviour.answers[11] = test::vhost_answer(11, VhostBackEnd::kReplyFlags, 8, 9U, 9U);
  Rig rig(behaviour);
  rig.start();
  set_log_level(LogLevel::kError);  // without the warning that stop() logs
  CHECK(rig.stop().at(0) == QueueState{});
  CHECK(rig.link.why_parked().empty());
  set_log_level(LogLevel::kWarning);
  rig.start();
  CHECK(rig.link.why_parked().find("has ended") != std::string::npos);
}

TEST_CASE("Invalid tags are refused") {
  for (const std::string& tag : {std::string(), std::string(37, 'x'), std::string("a/b")}) {
    const auto valid = validate(FsConfig{.tag = tag, .directory = {}});
    REQUIRE(!valid);
    CHECK(valid.error().context.find("--fs") != std::string::npos);
  }
  CHECK(validate(FsConfig{.tag = std::string(36, 'x'), .directory = {}}));
}

}  // namespace bothy::virtio
