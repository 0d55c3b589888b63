#include "devices/virtio/transport/doorbell.h"

#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <thread>

#include "tests/support/catch.h"

namespace bothy::virtio {
namespace {

struct Rig {
  boost::asio::io_context executor{1};
  const EventFd kick = EventFd::create().value();
  int calls = 0;
  std::optional<Doorbell> doorbell;

  Rig() {
    doorbell.emplace(executor, kick, [this] { ++calls; });
  }
  void run() {
    executor.restart();
    executor.poll();
  }
};

}  // namespace

TEST_CASE("Kicks before a call count as one") {
  Rig rig;
  rig.run();
  CHECK(rig.calls == 0);
  rig.kick.signal();
  rig.kick.signal();
  rig.run();
  CHECK(rig.calls == 1);
  CHECK(rig.kick.drain() == 0);
  rig.kick.signal();
  rig.run();
  CHECK(rig.calls == 2);
}

TEST_CASE("Another call comes once, from any thread, after the tasks that are due") {
  Rig rig;
  bool due_ran = false;
  rig.doorbell.emplace(rig.executor, rig.kick, [&] {
    CHECK(due_ran);
    ++rig.calls;
  });
  boost::asio::post(rig.executor, [&] { due_ran = true; });
  std::thread([&] {
    rig.doorbell->call_again();
    rig.doorbell->call_again();
  }).join();
  CHECK(rig.calls == 0);
  rig.run();
  CHECK(rig.calls == 1);
  rig.doorbell->call_again();
  rig.run();
  CHECK(rig.calls == 2);
}

TEST_CASE("No call follows a doorbell's destruction") {
  Rig rig;
  rig.kick.signal();
  rig.doorbell->call_again();
  rig.doorbell.reset();
  rig.run();
  CHECK(rig.calls == 0);
  CHECK(rig.kick.drain() == 1);  // still open: it is the transport's
}

TEST_CASE("A doorbell works for an eventfd that somebody has made blocking") {
  Rig rig;
  rig.doorbell.reset();
  REQUIRE(::fcntl(rig.kick.fd(), F_SETFL, 0) == 0);
  rig.doorbell.emplace(rig.executor, rig.kick, [&] { ++rig.calls; });
  for (int i = 1; i <= 3; ++i) {
    rig.kick.signal();
    rig.run();
    CHECK(rig.calls == i);
  }
}

}  // namespace bothy::virtio
