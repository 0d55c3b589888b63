#include "devices/host/disk/thread_engine.h"

#include <chrono>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_file.h"

namespace bothy {

using namespace std::chrono_literals;

TEST_CASE("A stop is reported again until the operations in flight are done") {
  const test::TemporaryFile file{4096};
  const EventFd kick = EventFd::create().value();
  const EventFd stop = EventFd::create().value();
  const auto engine = ThreadEngine::create({file.fd(), false, true}, {kick, stop}).value();
  std::vector<IoOperation*> done;
  stop.signal();
  CHECK(engine->wait(done, {}).stop);
  const auto until = IoEngine::Clock::now() + 50ms;
  CHECK(engine->wait(done, until).stop);
  CHECK(IoEngine::Clock::now() >= until);
}

}  // namespace bothy
