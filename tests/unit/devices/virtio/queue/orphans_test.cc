#include "devices/virtio/queue/orphans.h"

#include <algorithm>
#include <random>

#include "tests/support/catch.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;
using test::VirtioDriver;

constexpr std::uint16_t kSize = 16;

std::vector<std::uint16_t> sorted(std::vector<std::uint16_t> heads) {
  std::ranges::sort(heads);
  return heads;
}

}  // namespace

TEST_CASE("Requests left over from out-of-order completion are found") {
  VirtioDriver driver(kSize);
  const auto queue = driver.queue();
  std::vector<std::uint16_t> heads;
  for (int i = 0; i < 4; ++i) {
    heads.push_back(driver.add({{64, false}}));
  }
  auto first = queue->pop();
  auto second = queue->pop();
  second->complete(0);
  queue->flush();
  const auto orphans = find_orphans(driver.memory(), driver.config());
  REQUIRE(orphans);
  CHECK(sorted(orphans->heads) == std::vector<std::uint16_t>{heads[0], heads[2], heads[3]});
  CHECK(orphans->state.next_available == 4);
  CHECK(orphans->state.next_used == 1);
}

TEST_CASE("The rest of the last burst is found however long a queue has run") {
  std::mt19937 random(GENERATE(range(1U, 6U)));
  const bool backwards = GENERATE(false, true);  // as one virtiofsd does a burst
  VirtioDriver driver(64);
  const auto queue = driver.queue();
  for (int burst = 0; burst < 60; ++burst) {
    driver.rewind_heap();
    std::vector<std::uint16_t> heads;
    std::vector<Chain> out;
    const std::size_t count = 1 + random() % 8;
    for (std::size_t i = 0; i < count; ++i) {
      heads.push_back(driver.add({{64, false}}));
      out.push_back(*queue->pop());
    }
    while (!out.empty()) {
      const auto orphans = find_orphans(driver.memory(), driver.config());
      REQUIRE(orphans);
      REQUIRE(orphans->heads == sorted(heads));
      const auto which = backwards ? static_cast<std::ptrdiff_t>(out.size()) - 1 : 0;
      out[static_cast<std::size_t>(which)].complete(0);
      out.erase(out.begin() + which);
      heads.erase(heads.begin() + which);
      queue->flush();
    }
  }
}

TEST_CASE("Inconsistent rings give no orphans") {
  VirtioDriver driver(kSize);
  static_cast<void>(driver.add({{64, false}}));
  SECTION("an index far away") {
    driver.set_available_index(kSize + 1);
  }
  SECTION("a head that is none") {
    driver.offer(kSize);
  }
  CHECK(!find_orphans(driver.memory(), driver.config()));
}

TEST_CASE("An idle queue has no orphans") {
  VirtioDriver driver(kSize);
  const auto orphans = find_orphans(driver.memory(), driver.config());
  REQUIRE(orphans);
  CHECK(orphans->heads.empty());
  CHECK(orphans->state == QueueState{});
}

}  // namespace bothy::virtio
