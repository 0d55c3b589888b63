#include "devices/virtio/rng/rng.h"

#include <sys/random.h>

#include <array>

namespace bothy::virtio {
namespace {

constexpr std::array<std::uint16_t, 1> kQueueSizes{256};
// A request gets no more than this, so that a large one doesn't hold up other devices. A device may
// fill a part of the buffer (5.4.6); Linux requests 64 bytes.
constexpr std::size_t kMaxBytes = 4096;

void fill(Chain chain) noexcept {
  Writer writer = chain.writer();
  std::size_t written = 0;
  while (written < kMaxBytes) {
    const auto buffer = writer.front(kMaxBytes - written);
    if (buffer.empty()) {
      break;
    }
    const ssize_t count = ::getrandom(buffer.data(), buffer.size(), 0);
    if (count <= 0) {
      break;
    }
    writer.advance(static_cast<std::size_t>(count));
    written += static_cast<std::size_t>(count);
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
