#include "devices/virtio/balloon/balloon.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "devices/virtio/balloon/pages.h"
#include "tests/support/catch.h"
#include "tests/support/link_recorder.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::DriverQueue;

constexpr std::uint64_t kSize = 8 * DriverQueue::kSpan;
constexpr GuestAddress kPages = 6 * DriverQueue::kSpan;  // the pages that tests give up
constexpr std::uint64_t kStatisticsFeature = 2;
constexpr std::uint64_t kReportingFeature = 32;

// A balloon and its driver; the test's thread runs the executor.
struct Rig {
  explicit Rig(BalloonConfig config = {}, std::uint64_t features = 0,
               std::vector<std::uint16_t> absent = {3, 4})
      : layout{.packed = GENERATE(false, true)},
        balloon(Balloon::create(config, memory, executor).value()) {
    for (std::uint16_t i = 0; i < 5; ++i) {
      queues.emplace_back(
          std::make_unique<DriverQueue>(memory, i * DriverQueue::kSpan, std::uint16_t{16}, layout));
    }
    start(features, absent);
    const auto bytes = *memory.slice(kPages, kSize - kPages);
    std::fill(bytes.begin(), bytes.end(), std::byte{7});
  }
  void start(std::uint64_t features, const std::vector<std::uint16_t>& absent) {
    std::vector<ActiveQueue> active(5);
    for (std::uint16_t i = 0; i < 5; ++i) {
      active[i].index = i;
      if (std::ranges::find(absent, i) == absent.end()) {
        active[i] = {queues[i]->queue(), &kicks[i], i};
      }
    }
    balloon->start(features, std::move(active), link);
  }
  ~Rig() { static_cast<void>(balloon->stop()); }

  void kick(std::size_t queue) {
    kicks[queue].signal();
    executor.restart();
    while (executor.poll() > 0) {
    }
  }
  void name_pages(std::size_t queue, const std::vector<std::uint32_t>& pages) {
    const auto length = static_cast<std::uint32_t>(pages.size() * sizeof(std::uint32_t));
    const GuestAddress list = queues[queue]->allocate(length);
    REQUIRE(memory.write_bytes(list, std::as_bytes(std::span(pages))));
    queues[queue]->add({{length, false, list}});
    kick(queue);
    REQUIRE(queues[queue]->take().has_value());
  }
  // Notifies the queue and runs the executor until nothing is left to do. Returns the most bytes
  // that a single task added to `count()`.
  template <class Count>
  std::uint64_t largest_turn(std::size_t queue, Count count) {
    kicks[queue].signal();
    std::uint64_t largest = 0;
    std::uint64_t before = count();
    executor.restart();
    while (executor.poll_one() > 0) {
      const std::uint64_t now = count();
      largest = std::max(largest, now - std::exchange(before, now));
    }
    return largest;
  }
  [[nodiscard]] std::byte first_byte(GuestAddress address) const {
    return memory.slice(address, 1)->front();
  }

  RingFeatures layout;
  boost::asio::io_context executor{1};
  GuestMemory memory = test::make_guest_memory(kSize);
  std::vector<std::unique_ptr<DriverQueue>> queues;
  std::array<EventFd, 5> kicks{EventFd::create().value(), EventFd::create().value(),
                               EventFd::create().value(), EventFd::create().value(),
                               EventFd::create().value()};
  test::LinkRecorder link;
  std::unique_ptr<Balloon> balloon;
};

constexpr std::uint32_t page_number(GuestAddress address) {
  return static_cast<std::uint32_t>(address / kBalloonPage);
}

std::vector<MemoryRange> ranges_of(std::vector<std::uint32_t> pages) {
  const iovec buffer{pages.data(), pages.size() * sizeof(std::uint32_t)};
  return read_inflate_pages(Reader(std::span(&buffer, 1)));
}

// An entry of a statistics buffer lies unaligned.
std::vector<std::byte> statistics(const std::vector<std::pair<std::uint16_t, std::uint64_t>>& all) {
  std::vector<std::byte> bytes;
  for (const auto& [tag, value] : all) {
    const auto head = std::as_bytes(std::span(&tag, 1));
    const auto tail = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), head.begin(), head.end());
    bytes.insert(bytes.end(), tail.begin(), tail.end());
  }
  return bytes;
}

}  // namespace

TEST_CASE("Page numbers are sorted and merged into ranges") {
  CHECK(ranges_of({}).empty());
  CHECK(ranges_of({5, 4, 3, 3, 9, 10, 5}) ==
        std::vector<MemoryRange>{{3 * kBalloonPage, 3 * kBalloonPage},
                                 {9 * kBalloonPage, 2 * kBalloonPage}});
  CHECK(ranges_of({0xffffffff}) ==
        std::vector<MemoryRange>{{0xffffffff * kBalloonPage, kBalloonPage}});
  CHECK(ranges_of(std::vector<std::uint32_t>(2 * kMaxInflatePages, 1)).size() == 1);
  std::vector<std::uint32_t> many(2 * kMaxInflatePages);
  for (std::uint32_t i = 0; i < many.size(); ++i) {
    many[i] = 2 * i;
  }
  CHECK(ranges_of(many).size() == kMaxInflatePages);
}

TEST_CASE("Every queue is large enough to be the reporting queue of Linux") {
  Rig rig;
  // PAGE_REPORTING_CAPACITY: the driver's probe fails with a smaller queue.
  for (const std::uint16_t size : rig.balloon->queue_sizes()) {
    CHECK(size >= 32);
  }
}

TEST_CASE("Inflated pages are returned to the host") {
  Rig rig;
  rig.name_pages(0, {page_number(kPages) + 2, page_number(kPages) + 1});
  CHECK(rig.first_byte(kPages) == std::byte{7});
  CHECK(rig.first_byte(kPages + kBalloonPage) == std::byte{0});
  CHECK(rig.first_byte(kPages + 2 * kBalloonPage) == std::byte{0});
  CHECK(rig.first_byte(kPages + 3 * kBalloonPage) == std::byte{7});
  CHECK(rig.balloon->status().inflated == 2 * kBalloonPage);
  rig.name_pages(1, {page_number(kPages) + 1});  // deflate
  CHECK(rig.link.why_parked().empty());
  CHECK(rig.link.take_signalled() == std::vector<std::uint16_t>{0, 1});
}

TEST_CASE("Pages outside RAM and an incomplete page number are ignored") {
  Rig rig;
  rig.name_pages(0, {page_number(kSize), 0xffffffff, page_number(kPages)});
  CHECK(rig.balloon->status().inflated == kBalloonPage);
  rig.queues[0]->add({{3, false}});
  rig.kick(0);
  CHECK(rig.queues[0]->take().has_value());
  CHECK(rig.balloon->status().inflated == kBalloonPage);
  CHECK(rig.link.why_parked().empty());
}

TEST_CASE("Reported free pages are returned to the host") {
  struct Place {
    std::size_t queue;
    std::uint64_t features;
    std::vector<std::uint16_t> absent;
  };
  // The reporting queue by the specification, and by Linux, which counts only existing queues.
  const std::vector<Place> places{{4, kReportingFeature, {2, 3}},
                                  {2, kReportingFeature, {3, 4}},
                                  {4, kReportingFeature | kStatisticsFeature, {3}},
                                  {3, kReportingFeature | kStatisticsFeature, {4}}};
  const auto [queue, features, absent] = places[GENERATE(0U, 1U, 2U, 3U)];
  Rig rig({.free_page_reporting = true, .stats_seconds = 3600}, features, absent);
  rig.queues[queue]->add({{8 * kBalloonPage, true, kPages}, {kBalloonPage, true, kPages + 65536}});
  rig.kick(queue);
  REQUIRE(rig.queues[queue]->take().has_value());
  CHECK(rig.first_byte(kPages) == std::byte{0});
  CHECK(rig.first_byte(kPages + 7 * kBalloonPage) == std::byte{0});
  CHECK(rig.first_byte(kPages + 8 * kBalloonPage) == std::byte{7});
  CHECK(rig.first_byte(kPages + 65536) == std::byte{0});
  CHECK(rig.balloon->status().reported == 9 * kBalloonPage);
}

TEST_CASE("Reported pages are returned in bounded turns of the executor") {
  Rig rig({.free_page_reporting = true}, kReportingFeature, {2, 3});
  // The same 2 MiB in every buffer.
  constexpr auto kBuffer = static_cast<std::uint32_t>(kSize - kPages);
  constexpr std::size_t kBuffers = 15;
  const std::vector<DriverQueue::Buffer> buffers(kBuffers, {kBuffer, true, kPages});
  rig.queues[4]->add(buffers);
  const auto reported = [&] { return rig.balloon->status().reported; };
  CHECK(rig.largest_turn(4, reported) <= BalloonPageQueue::kMaxBytesPerTurn);
  CHECK(reported() == kBuffers * kBuffer);
  CHECK(rig.queues[4]->take().has_value());
  CHECK(rig.link.take_signalled() == std::vector<std::uint16_t>{4});
}

TEST_CASE("Inflated pages are returned in bounded turns of the executor") {
  Rig rig;
  std::vector<std::uint32_t> pages(256);
  for (std::uint32_t i = 0; i < pages.size(); ++i) {
    pages[i] = page_number(kPages) + 2 * i;  // not adjacent
  }
  const auto length = static_cast<std::uint32_t>(pages.size() * sizeof(std::uint32_t));
  const GuestAddress list = rig.queues[0]->allocate(length);
  REQUIRE(rig.memory.write_bytes(list, std::as_bytes(std::span(pages))));
  for (int i = 0; i < 8; ++i) {
    rig.queues[0]->add({{length, false, list}});
  }
  const auto inflated = [&] { return rig.balloon->status().inflated; };
  CHECK(rig.largest_turn(0, inflated) <= BalloonPageQueue::kMaxRangesPerTurn * kBalloonPage);
  CHECK(inflated() == 8 * pages.size() * kBalloonPage);
  CHECK(rig.queues[0]->used_index() == 8);
}

TEST_CASE("A request that is served in part when the device stops stays in its queue") {
  Rig rig({.free_page_reporting = true}, kReportingFeature, {2, 3});
  constexpr auto kBuffer = static_cast<std::uint32_t>(kSize - kPages);
  rig.queues[4]->add(std::vector<DriverQueue::Buffer>(15, {kBuffer, true, kPages}));
  rig.kicks[4].signal();
  rig.executor.restart();
  while (rig.balloon->status().reported == 0) {
    rig.executor.run_one();
  }
  const auto states = rig.balloon->stop();
  CHECK(states.at(4) == QueueState{});
  CHECK(rig.queues[4]->used_index() == 0);
  rig.start(kReportingFeature, {2, 3});
  rig.executor.restart();
  rig.executor.poll();
  CHECK(rig.queues[4]->used_index() == 1);
}

TEST_CASE("Readable buffers of a report are ignored") {
  Rig rig({.free_page_reporting = true}, kReportingFeature, {2, 3});
  rig.queues[4]->add({{kBalloonPage, false, kPages}});
  rig.kick(4);
  REQUIRE(rig.queues[4]->take().has_value());
  CHECK(rig.first_byte(kPages) == std::byte{7});
}

TEST_CASE("The config space has the target size, and takes the actual size") {
  Rig rig({.size = 1U << 20U});
  const auto read = [&](std::uint64_t offset) {
    std::uint32_t value = 0;
    rig.balloon->read_config(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  };
  CHECK(read(0) == 256);
  CHECK(read(4) == 0);
  CHECK(read(8) == 0);
  const std::uint32_t actual = 200;
  rig.balloon->write_config(4, std::as_bytes(std::span(&actual, 1)));
  rig.balloon->write_config(0, std::as_bytes(std::span(&actual, 1)));
  CHECK(read(0) == 256);
  CHECK(read(4) == 200);
  CHECK(rig.balloon->status().target == 1U << 20U);
  CHECK(rig.balloon->status().actual == 200 * kBalloonPage);

  REQUIRE(rig.balloon->set_size(2U << 20U));
  rig.kick(0);
  CHECK(rig.link.config_changes() == 1);
  CHECK(read(0) == 512);
  CHECK(!rig.balloon->set_size(kSize + kBalloonPage));
  CHECK(!rig.balloon->set_size(100));
  CHECK(read(0) == 512);
}

TEST_CASE("Features follow the configuration") {
  boost::asio::io_context executor;
  const GuestMemory memory = test::make_guest_memory(kSize);
  CHECK(Balloon::create({}, memory, executor).value()->features() == 1);
  CHECK(Balloon::create({.deflate_on_oom = true, .free_page_reporting = true, .stats_seconds = 1},
                        memory, executor)
            .value()
            ->features() == (1 | 2 | 4 | 32));
  const auto too_large = Balloon::create({.size = 2 * kSize}, memory, executor);
  REQUIRE(!too_large);
  CHECK(too_large.error().code == ErrorCode::kInvalid);
}

TEST_CASE("The statistics buffer is used at each interval, and the driver offers new values") {
  boost::asio::io_context executor;
  GuestMemory memory = test::make_guest_memory(kSize);
  DriverQueue driver(memory, 0, 16, {.packed = GENERATE(false, true)});
  const EventFd kick = EventFd::create().value();
  test::LinkRecorder link;
  std::vector<BalloonStatistics> told;
  BalloonStatisticsQueue queue(
      executor, {driver.queue(), &kick, 2}, link, std::chrono::milliseconds(1),
      [&](const BalloonStatistics& statistics) { told.push_back(statistics); });
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto bytes = statistics({{4, round}, {5, 100}, {99, 1}});
    const GuestAddress address = driver.allocate(bytes.size());
    REQUIRE(memory.write_bytes(address, bytes));
    driver.add({{static_cast<std::uint32_t>(bytes.size()), false, address}});
    kick.signal();
    while (told.size() <= round) {
      executor.run_one();
    }
    CHECK(told.back().values[4] == round);
    CHECK(told.back().values[5] == 100U);
    CHECK(!told.back().values[0]);
    while (!driver.take()) {
      executor.run_one();
    }
  }
  CHECK(link.take_signalled() == std::vector<std::uint16_t>{2, 2, 2});
  // A buffer that ends within an entry, and a second one that has to wait.
  driver.add({{11, false}});
  driver.add({{11, false}});
  kick.signal();
  while (told.size() < 5) {
    executor.run_one();
  }
  static_cast<void>(queue.stop());
}

TEST_CASE("A broken ring makes the device need a reset") {
  Rig rig({.stats_seconds = 3600}, kStatisticsFeature, {3, 4});
  const std::size_t queue = GENERATE(0U, 1U, 2U);
  rig.queues[queue]->break_ring();
  rig.kick(queue);
  CHECK(!rig.link.why_parked().empty());
}

}  // namespace bothy::virtio
