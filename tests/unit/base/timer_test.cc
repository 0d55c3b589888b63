#include "base/timer.h"

#include <memory>

#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

namespace bothy {

using namespace std::chrono_literals;

TEST_CASE("A timer calls back once its time has come, by the clock that it is given") {
  boost::asio::io_context executor;
  test::ManualClock clock;
  int calls = 0;
  Timer timer(executor, clock);
  timer.start(5s, [&] { ++calls; });
  clock.advance(4s);
  executor.poll();
  CHECK(calls == 0);
  CHECK(timer.is_running());
  clock.advance(1s);
  executor.restart();
  executor.poll();
  CHECK(calls == 1);
  CHECK_FALSE(timer.is_running());
}

TEST_CASE("A timer that is cancelled, started anew or destroyed doesn't call back") {
  boost::asio::io_context executor;
  test::ManualClock clock;
  int cancelled = 0;
  int calls = 0;
  auto timer = std::make_unique<Timer>(executor, clock);
  timer->start(1s, [&] { ++cancelled; });
  timer->start(2s, [&] { ++calls; });
  clock.advance(2s);
  executor.poll();
  CHECK(calls == 1);
  timer->start(1s, [&] { ++cancelled; });
  clock.advance(1s);
  timer->cancel();  // its expiry is in the executor's queue already
  timer->start(1s, [&] { ++cancelled; });
  timer.reset();
  clock.advance(1s);
  executor.restart();
  executor.poll();
  CHECK(cancelled == 0);
}

TEST_CASE("A timer on the kernel's clock leaves nothing to wait for once it is cancelled") {
  boost::asio::io_context executor;
  int calls = 0;
  Timer timer(executor);
  timer.start(0s, [&] { ++calls; });
  executor.run();
  CHECK(calls == 1);
  timer.start(24h, [&] { ++calls; });
  timer.cancel();
  executor.restart();
  executor.run();
  CHECK(calls == 1);
}

TEST_CASE("A timer's callback may destroy it") {
  boost::asio::io_context executor;
  int calls = 0;
  auto timer = std::make_unique<Timer>(executor);
  timer->start(0s, [&] {
    timer.reset();
    ++calls;
  });
  executor.run();
  CHECK(calls == 1);
}

}  // namespace bothy
