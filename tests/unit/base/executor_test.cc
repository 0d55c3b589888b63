#include "base/executor.h"

#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <semaphore>
#include <thread>

#include "tests/support/catch.h"

using namespace bothy;

TEST_CASE("An executor stops also when its handler blocks after the first wake-up") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  std::binary_semaphore running{0};
  int error = 0;
  Executor executor("blocks-late");
  REQUIRE(executor.start().has_value());
  boost::asio::post(executor.context(), [&] {
    running.release();
    while (!executor.context().stopped()) {
      std::this_thread::yield();
    }
    // The first wake-up comes within this, and finds nothing to interrupt.
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
    while (std::chrono::steady_clock::now() < until) {
    }
    std::array<char, 1> byte{};
    error = ::read(pipe[0], byte.data(), 1) < 0 ? errno : 0;
  });
  running.acquire();
  executor.stop();
  CHECK(error == EINTR);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE("Stopping an executor that was not started does nothing") {
  Executor executor("idle");
  executor.stop();
  CHECK_FALSE(executor.context().stopped());
}
