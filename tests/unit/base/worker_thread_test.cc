#include "base/worker_thread.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace bothy {
namespace {

std::atomic<int> g_entered{-1};

void note(ThreadRole role) noexcept {
  g_entered.store(static_cast<int>(role));
}

}  // namespace

TEST_CASE("A thread sets itself up, enters its role, and performs tasks") {
  set_role_listener(&note);
  g_entered = -1;
  std::vector<std::thread::id> threads;
  int entered_at_set_up = 0;
  auto worker = WorkerThread::start("a name that is too long", ThreadRole::kDisk, [&] {
                  threads.push_back(std::this_thread::get_id());
                  entered_at_set_up = g_entered.load();
                }).value();
  for (int i = 0; i < 3; ++i) {
    worker->run([&] { threads.push_back(std::this_thread::get_id()); });
    worker->wait();
  }
  set_role_listener(nullptr);
  CHECK(entered_at_set_up == -1);
  CHECK(g_entered.load() == static_cast<int>(ThreadRole::kDisk));
  REQUIRE(threads.size() == 4);
  CHECK(threads == std::vector<std::thread::id>(4, threads.front()));
  CHECK(threads.front() != std::this_thread::get_id());
}

TEST_CASE("A thread without a task doesn't keep anyone waiting") {
  const auto worker = WorkerThread::start("idle", ThreadRole::kNetwork).value();
  worker->wait();
}

TEST_CASE("The end of a thread waits for its task") {
  std::atomic<bool> done{false};
  auto worker = WorkerThread::start("worker", ThreadRole::kNetwork).value();
  worker->run([&] {
    std::this_thread::yield();
    done = true;
  });
  worker.reset();
  CHECK(done.load());
}

}  // namespace bothy
