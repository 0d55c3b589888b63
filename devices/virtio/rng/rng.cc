#include "devices/virtio/rng/rng.h"

#include <sys/random.h>

#include <array>

namespace bothy::virtio {
namespace {

constexpr std::array<std::uint16_t, 1> kQueueSizes{256};
// One request is one call of the host's generator: Linux asks for 64 bytes, and a guest that asks
// for gigabytes gets this much, which the specification allows.
constexpr std::size_t kMostBytes = 4096;

void fill(Chain chain) noexcept {
  Writer writer = chain.writer();
  std::size_t written = 0;
  while (written < kMostBytes) {
    const auto to = writer.front(kMostBytes - written);
    if (to.empty()) {
      break;
    }
    const ssize_t got = ::getrandom(to.data(), to.size(), 0);
    if (got <= 0) {
      break;
    }
    writer.advance(static_cast<std::size_t>(got));
    written += static_cast<std::size_t>(got);
  }
  chain.complete(static_cast<std::uint32_t>(written));
}

}  // namespace

std::span<const std::uint16_t> Rng::queue_sizes() const noexcept {
  return kQueueSizes;
}

void Rng::start(std::uint64_t, std::vector<ActiveQueue> queues, DriverLink& link) noexcept {
  worker_ = std::make_unique<QueueWorker>(executor_, std::move(queues.front()), link, fill);
}

std::vector<QueueState> Rng::stop() noexcept {
  const QueueState state = worker_->stop();
  worker_.reset();
  return {state};
}

}  // namespace bothy::virtio
