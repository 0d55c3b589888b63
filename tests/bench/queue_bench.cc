// What a request costs in the device's side of a virtqueue: taken, its buffers in hand, completed.
//
// A batch is served under the clock; what the driver does between batches is not. Both sides run on
// one thread, so nothing here waits for another CPU's cache, which a guest's requests do.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "devices/virtio/queue/queue.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

constexpr std::uint16_t kQueueSize = 256;
constexpr int kBatch = 64;  // requests
constexpr int kBatches = 10000;
constexpr GuestAddress kHigh = 4ULL << 30U;

// As machines have it: rings and buffers in different regions.
GuestMemory make_memory() {
  const std::array ranges{MemoryRange{0, 4ULL << 20U}, MemoryRange{kHigh, 4ULL << 20U}};
  return GuestMemory::create(ranges, MemoryBacking::kAnonymous).value();
}

// A block read: a header, a page, a status byte.
constexpr std::array kRequest{
    test::DriverQueue::Buffer{16, false, kHigh},
    test::DriverQueue::Buffer{4096, true, kHigh + 0x1000},
    test::DriverQueue::Buffer{1, true, kHigh + 0x2000},
};

// The loop of a worker. A function of its own for tools that count its instructions.
[[gnu::noinline]] int serve_batch(Queue& queue) {
  int served = 0;
  do {
    queue.disable_kicks();
    while (auto chain = queue.pop()) {
      benchmark::DoNotOptimize(chain->readable().data());
      benchmark::DoNotOptimize(chain->writable().data());
      chain->complete(4097);
      ++served;
    }
  } while (queue.enable_kicks());
  benchmark::DoNotOptimize(queue.needs_signal());
  return served;
}

void serve(benchmark::State& state, RingFeatures features, bool indirect) {
  GuestMemory memory = make_memory();
  test::DriverQueue driver(memory, 0, kQueueSize, features);
  const auto queue = driver.queue();
  std::vector<double> batches;
  for (auto _ : state) {
    for (int i = 0; i < kBatch; ++i) {
      static_cast<void>(indirect ? driver.add_indirect(kRequest) : driver.add(kRequest));
    }
    const auto before = std::chrono::steady_clock::now();
    const int served = serve_batch(*queue);
    const auto after = std::chrono::steady_clock::now();
    const std::chrono::duration<double> taken = after - before;
    state.SetIterationTime(taken.count());
    batches.push_back(taken.count() * 1e9 / kBatch);
    driver.rewind_heap();
    for (int i = 0; i < kBatch; ++i) {
      if (served != kBatch || !driver.take()) {
        std::abort();
      }
    }
  }
  // Of a request. Not the mean: where other programs run, that measures them.
  std::ranges::sort(batches);
  state.counters["median_ns"] = batches.at(batches.size() / 2);
  state.counters["best_ns"] = batches.front();
}

void add(const char* name, RingFeatures features, bool indirect) {
  benchmark::RegisterBenchmark(name, serve, features, indirect)
      ->UseManualTime()
      ->Iterations(kBatches);
}

}  // namespace
}  // namespace bothy::virtio

int main(int argc, char** argv) {
  using bothy::virtio::add;
  add("split", {.indirect = true, .event_index = true}, false);
  add("split, indirect", {.indirect = true, .event_index = true}, true);
  add("packed", {.indirect = true, .event_index = true, .packed = true}, false);
  add("packed, indirect", {.indirect = true, .event_index = true, .packed = true}, true);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
