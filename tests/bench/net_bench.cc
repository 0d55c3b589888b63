// What a packet costs in a network device beside the one system call that moves it: the ring, the
// buffers, the counting. The port's calls do nothing.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "devices/virtio/net/receiver.h"
#include "devices/virtio/net/transmitter.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

constexpr std::uint16_t kQueueSize = 256;
constexpr int kBatches = 5000;
constexpr GuestAddress kHigh = 4ULL << 30U;
using Clock = std::chrono::steady_clock;

// Has so many packets of one size, and takes any.
class NullPort final : public PacketPort {
 public:
  std::size_t size = 0;
  int left = 0;

  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] ReceivedPacket receive(std::span<const iovec> buffers) noexcept override {
    benchmark::DoNotOptimize(buffers.data());
    if (left == 0) {
      return {PacketOutcome::kAgain, 0};
    }
    --left;
    return {PacketOutcome::kDone, size};
  }
  [[nodiscard]] PacketOutcome send(std::span<const iovec> packet) noexcept override {
    benchmark::DoNotOptimize(packet.data());
    return PacketOutcome::kDone;
  }
};

struct Rig {
  GuestMemory memory;
  test::DriverQueue driver;
  NullPort port;
  NetCounters counters;
  NetRateLimit limit{{}};

  explicit Rig(bool packed)
      : memory(GuestMemory::create(
                   std::array{MemoryRange{0, 4ULL << 20U}, MemoryRange{kHigh, 4ULL << 20U}},
                   MemoryBacking::kAnonymous)
                   .value()),
        driver(memory, 0, kQueueSize, {.indirect = true, .event_index = true, .packed = packed}) {}
};

// Times `serve` over batches that `offer` makes; nanoseconds of a packet, the median, since where
// other programs run the mean measures them.
template <class Offer, class Serve>
void measure(benchmark::State& state, Rig& rig, int packets, Offer offer, Serve serve) {
  std::vector<double> batches;
  for (auto _ : state) {
    offer();
    const auto before = Clock::now();
    serve(before);
    const std::chrono::duration<double> taken = Clock::now() - before;
    state.SetIterationTime(taken.count());
    batches.push_back(taken.count() * 1e9 / packets);
    while (rig.driver.take()) {
    }
  }
  std::ranges::sort(batches);
  state.counters["median_ns"] = batches.at(batches.size() / 2);
  state.counters["best_ns"] = batches.front();
  if (rig.counters.packets() != static_cast<std::uint64_t>(packets) * state.iterations()) {
    std::abort();
  }
}

void transmit(benchmark::State& state, bool packed) {
  Rig rig(packed);
  NetTransmitter transmitter(rig.driver.queue(), rig.limit, rig.counters);
  constexpr int kPackets = 60;
  const auto offer = [&] {
    for (int i = 0; i < kPackets; ++i) {
      rig.driver.add({{12, false, kHigh}, {1448, false, kHigh + 4096}});
    }
  };
  measure(state, rig, kPackets, offer, [&](Clock::time_point now) {
    static_cast<void>(transmitter.run(&rig.port, now));
    benchmark::DoNotOptimize(transmitter.needs_signal());
  });
}

// Packets of `size` bytes into merged buffers of 1536.
void receive(benchmark::State& state, bool packed, std::size_t size, int packets) {
  Rig rig(packed);
  NetReceiver receiver(rig.driver.queue(), true, PacketPort::kMaxBytes, rig.limit, rig.counters);
  rig.port.size = size;
  const auto refill = [&](std::size_t buffers) {
    for (std::size_t i = 0; i < buffers; ++i) {
      rig.driver.add({{1536, true, kHigh}});
    }
  };
  refill(kQueueSize);
  const std::size_t used = (size + 1535) / 1536 * static_cast<std::size_t>(packets);
  bool first = true;
  const auto offer = [&] {
    refill(std::exchange(first, false) ? 0 : used);
    rig.port.left = packets;
  };
  measure(state, rig, packets, offer, [&](Clock::time_point now) {
    static_cast<void>(receiver.run(rig.port, now));
    benchmark::DoNotOptimize(receiver.needs_signal());
  });
}

void run(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime()->Iterations(kBatches)->Unit(benchmark::kNanosecond);
}

}  // namespace

BENCHMARK_CAPTURE(transmit, split, false)->Apply(run);
BENCHMARK_CAPTURE(transmit, packed, true)->Apply(run);
BENCHMARK_CAPTURE(receive, split_1500, false, 1512, 60)->Apply(run);
BENCHMARK_CAPTURE(receive, packed_1500, true, 1512, 60)->Apply(run);
BENCHMARK_CAPTURE(receive, split_64k, false, 65562, 4)->Apply(run);
BENCHMARK_CAPTURE(receive, packed_64k, true, 65562, 4)->Apply(run);

}  // namespace bothy::virtio

BENCHMARK_MAIN();
