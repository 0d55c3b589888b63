#include "base/fd_watch.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

using Event = FdWatch::Event;

struct Pair {
  explicit Pair(int flags) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends.data()) == 0);
    here = UniqueFd(ends[0]);
    there = UniqueFd(ends[1]);
  }
  void speak() const { REQUIRE(::write(there.get(), "x", 1) == 1); }
  void drain() const {
    char byte = 0;
    REQUIRE(::read(here.get(), &byte, 1) == 1);
  }

  UniqueFd here;
  UniqueFd there;
};

// Runs what is ready, and what that makes ready.
void run(boost::asio::io_context& executor) {
  executor.restart();
  executor.poll();
}

}  // namespace

TEST_CASE("A watch calls back once for each wait") {
  const int flags = GENERATE(0, static_cast<int>(SOCK_NONBLOCK));
  const Pair pair(flags);
  boost::asio::io_context executor;
  FdWatch watch(executor);
  REQUIRE(watch.borrow(pair.here.get()));
  int reads = 0;
  watch.wait(Event::kReadable, [&] { ++reads; });
  run(executor);
  CHECK(reads == 0);
  CHECK(watch.is_waiting(Event::kReadable));
  pair.speak();
  run(executor);
  CHECK(reads == 1);
  run(executor);
  CHECK(reads == 1);
  CHECK_FALSE(watch.is_waiting(Event::kReadable));
  // It is still readable.
  watch.wait(Event::kReadable, [&] { ++reads; });
  CHECK(reads == 1);
  run(executor);
  CHECK(reads == 2);
}

TEST_CASE("A watch waits for several events at once") {
  const int flags = GENERATE(0, static_cast<int>(SOCK_NONBLOCK));
  Pair pair(flags);
  boost::asio::io_context executor;
  FdWatch watch(executor);
  REQUIRE(watch.borrow(pair.here.get()));
  std::vector<Event> seen;
  for (const Event event : {Event::kReadable, Event::kWritable, Event::kHangUp}) {
    watch.wait(event, [&seen, event] { seen.push_back(event); });
  }
  run(executor);
  CHECK(seen == std::vector{Event::kWritable});
  pair.speak();
  run(executor);
  CHECK(seen == std::vector{Event::kWritable, Event::kReadable});
  pair.there.reset();
  run(executor);
  CHECK(seen == std::vector{Event::kWritable, Event::kReadable, Event::kHangUp});
}

TEST_CASE("A wait for the same event replaces the one before") {
  const int flags = GENERATE(0, static_cast<int>(SOCK_NONBLOCK));
  const Pair pair(flags);
  boost::asio::io_context executor;
  FdWatch watch(executor);
  REQUIRE(watch.borrow(pair.here.get()));
  int first = 0;
  int second = 0;
  watch.wait(Event::kReadable, [&] { ++first; });
  watch.wait(Event::kReadable, [&] { ++second; });
  pair.speak();
  run(executor);
  CHECK(first == 0);
  CHECK(second == 1);
}

TEST_CASE("No callback comes after a watch is cancelled, closed or destroyed") {
  const int flags = GENERATE(0, static_cast<int>(SOCK_NONBLOCK));
  const Pair pair(flags);
  boost::asio::io_context executor;
  auto watch = std::make_unique<FdWatch>(executor);
  REQUIRE(watch->borrow(pair.here.get()));
  int calls = 0;
  pair.speak();
  // Each is ready in the executor's queue by then.
  watch->wait(Event::kReadable, [&] { ++calls; });
  watch->cancel();
  run(executor);
  watch->wait(Event::kReadable, [&] { ++calls; });
  watch->close();
  run(executor);
  REQUIRE(watch->borrow(pair.here.get()));
  watch->wait(Event::kReadable, [&] { ++calls; });
  watch->post([&] { ++calls; });
  watch.reset();
  run(executor);
  CHECK(calls == 0);
  CHECK(::fcntl(pair.here.get(), F_GETFD) >= 0);  // borrowed
}

TEST_CASE("A callback may destroy the watch that another event is waited for on") {
  const int flags = GENERATE(0, static_cast<int>(SOCK_NONBLOCK));
  const Pair pair(flags);
  boost::asio::io_context executor;
  auto watch = std::make_unique<FdWatch>(executor);
  REQUIRE(watch->borrow(pair.here.get()));
  pair.speak();
  int calls = 0;
  for (const Event event : {Event::kReadable, Event::kWritable}) {
    watch->wait(event, [&] {
      watch.reset();
      ++calls;
    });
  }
  run(executor);
  CHECK(calls == 1);
}

TEST_CASE("A watch can be given another descriptor, and closes those that it owns") {
  Pair first(SOCK_NONBLOCK);
  Pair second(0);
  boost::asio::io_context executor;
  FdWatch watch(executor);
  int stale = 0;
  int calls = 0;
  REQUIRE(watch.own(std::move(first.here)));
  watch.wait(Event::kReadable, [&] { ++stale; });
  REQUIRE(watch.own(std::move(second.here)));
  char byte = 0;
  CHECK(::read(first.there.get(), &byte, 1) == 0);  // closed
  watch.wait(Event::kReadable, [&] { ++calls; });
  second.speak();
  run(executor);
  CHECK(stale == 0);
  CHECK(calls == 1);
}

TEST_CASE("A descriptor that others share doesn't become non-blocking") {
  const Pair pair(0);
  boost::asio::io_context executor;
  FdWatch watch(executor);
  REQUIRE(watch.borrow(pair.here.get()));
  int calls = 0;
  watch.wait(Event::kReadable, [&] { ++calls; });
  watch.wait(Event::kWritable, [&] { ++calls; });
  pair.speak();
  run(executor);
  CHECK(calls == 2);
  CHECK((::fcntl(pair.here.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("A file and /dev/null are always ready, and leave others their turns") {
  const test::TemporaryDirectory directory;
  const int flags = GENERATE(0, O_NONBLOCK);
  const UniqueFd fd(GENERATE(0, 1) == 0 ? ::open("/dev/null", O_RDWR | O_CLOEXEC | flags)
                                        : ::open((directory / "f").c_str(),
                                                 O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600));
  boost::asio::io_context executor;
  FdWatch watch(executor);
  REQUIRE(watch.borrow(fd.get()));
  std::string order;
  watch.wait(Event::kReadable, [&] {
    order += 'a';
    watch.post([&] { order += 'b'; });
    watch.wait(Event::kReadable, [&] { order += 'c'; });
  });
  CHECK(order.empty());
  run(executor);
  CHECK(order == "abc");
}

TEST_CASE("What can't be watched is an error") {
  boost::asio::io_context executor;
  FdWatch watch(executor);
  const auto watched = watch.borrow(-1);
  REQUIRE_FALSE(watched);
  CHECK(watched.error().context == "can't watch descriptor -1: Bad file descriptor");
  CHECK_FALSE(watch.is_open());
  watch.wait(Event::kReadable, [] {});
  run(executor);
}

TEST_CASE("Any thread may post to a watch while its executor runs") {
  Executor executor("test");
  REQUIRE(executor.start());
  std::binary_semaphore done{0};
  FdWatch watch(executor.context());
  std::thread([&] { watch.post([&] { done.release(); }); }).join();
  done.acquire();
  executor.stop();
}

}  // namespace bothy
