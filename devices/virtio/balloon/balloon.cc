#include "devices/virtio/balloon/balloon.h"

#include <linux/virtio_balloon.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "devices/virtio/balloon/pages.h"

namespace bothy::virtio {
namespace {

constexpr std::array<std::uint16_t, 5> kQueueSizes{128, 128, 128, 128, 128};
// Queues (5.5.2). Those of features that aren't negotiated don't exist, and Linux then counts on
// without a gap: free page reporting follows what is there.
constexpr std::size_t kInflate = 0;
constexpr std::size_t kDeflate = 1;
constexpr std::size_t kStatistics = 2;
constexpr std::size_t kReporting = 4;

constexpr std::uint64_t bit(unsigned number) noexcept {
  return std::uint64_t{1} << number;
}

Result<std::uint32_t> pages_of(std::uint64_t size, const GuestMemory& memory) {
  if (size % kBalloonPage != 0) {
    return make_error(ErrorCode::kInvalid, "a balloon of {} bytes is no multiple of {} KiB", size,
                      kBalloonPage >> 10U);
  }
  if (size > memory.size()) {
    return make_error(ErrorCode::kInvalid,
                      "a balloon of {} MiB is more than the guest's memory of {} MiB", size >> 20U,
                      memory.size() >> 20U);
  }
  return static_cast<std::uint32_t>(size / kBalloonPage);
}

std::size_t reporting_queue(std::uint64_t features, const std::vector<ActiveQueue>& queues) {
  if (queues.at(kReporting).queue) {
    return kReporting;
  }
  return (features & bit(VIRTIO_BALLOON_F_STATS_VQ)) != 0 ? kStatistics + 1 : kStatistics;
}

}  // namespace

Result<std::unique_ptr<Balloon>> Balloon::create(const BalloonConfig& config,
                                                 const GuestMemory& memory,
                                                 boost::asio::io_context& executor) {
  const auto pages = pages_of(config.size, memory);
  if (!pages) {
    return make_error(pages.error().code, "--balloon: {}", pages.error().context);
  }
  return std::unique_ptr<Balloon>(new Balloon(config, memory, executor));
}

Balloon::Balloon(const BalloonConfig& config, const GuestMemory& memory,
                 boost::asio::io_context& executor) noexcept
    : config_(config),
      memory_(memory),
      executor_(executor),
      target_pages_(static_cast<std::uint32_t>(config.size / kBalloonPage)) {}

std::uint64_t Balloon::features() const noexcept {
  // Without PAGE_POISON a guest that fills its free pages doesn't report them (5.5.6.7), so what is
  // reported may come back as zeros.
  return bit(VIRTIO_BALLOON_F_MUST_TELL_HOST) |
         (config_.stats_seconds > 0 ? bit(VIRTIO_BALLOON_F_STATS_VQ) : 0) |
         (config_.deflate_on_oom ? bit(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) : 0) |
         (config_.free_page_reporting ? bit(VIRTIO_BALLOON_F_REPORTING) : 0);
}

std::span<const std::uint16_t> Balloon::queue_sizes() const noexcept {
  return kQueueSizes;
}

void Balloon::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  // num_pages and actual (5.5.4); the fields behind them belong to features that aren't offered.
  const std::array<std::uint32_t, 2> fields{target_pages_.load(), actual_pages_.load()};
  if (offset < sizeof(fields)) {
    const auto bytes = std::as_bytes(std::span(fields)).subspan(static_cast<std::size_t>(offset));
    std::memcpy(data.data(), bytes.data(), std::min(data.size(), bytes.size()));
  }
}

void Balloon::write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept {
  std::uint32_t pages = 0;
  if (offset == sizeof(std::uint32_t) && data.size() == sizeof(pages)) {
    std::memcpy(&pages, data.data(), sizeof(pages));
    actual_pages_ = pages;
  }
}

void Balloon::start(std::uint64_t features, std::vector<ActiveQueue> queues,
                    DriverLink& link) noexcept {
  link_ = &link;
  const auto serve = [&](std::size_t queue, QueueWorker::Serve how) {
    workers_.at(queue) =
        std::make_unique<QueueWorker>(executor_, std::move(queues.at(queue)), link, std::move(how));
  };
  if ((features & bit(VIRTIO_BALLOON_F_REPORTING)) != 0) {
    serve(reporting_queue(features, queues), [this](Chain chain) { report(std::move(chain)); });
  }
  if ((features & bit(VIRTIO_BALLOON_F_STATS_VQ)) != 0 && queues.at(kStatistics).queue) {
    statistics_ = std::make_unique<BalloonStatisticsQueue>(
        executor_, std::move(queues.at(kStatistics)), link,
        std::chrono::seconds(config_.stats_seconds), [this](const BalloonStatistics& statistics) {
          const std::lock_guard lock(statistics_mutex_);
          latest_ = statistics;
        });
  }
  serve(kInflate, [this](Chain chain) { inflate(std::move(chain)); });
  // Memory comes back as the guest touches it: being told is all that is needed.
  serve(kDeflate, [](Chain chain) { chain.complete(0); });
}

std::vector<QueueState> Balloon::stop() noexcept {
  std::vector<QueueState> states(kQueues);
  for (std::size_t i = 0; i < kQueues; ++i) {
    if (workers_.at(i)) {
      states[i] = workers_.at(i)->stop();
      workers_.at(i).reset();
    }
  }
  if (statistics_) {
    states[kStatistics] = statistics_->stop();
    statistics_.reset();
  }
  link_ = nullptr;
  // A driver that starts over has an empty balloon.
  actual_pages_ = 0;
  return states;
}

void Balloon::inflate(Chain chain) noexcept {
  for (const MemoryRange& range : read_balloon_pages(chain.reader())) {
    if (memory_.discard(range.start, range.size)) {
      inflated_ += range.size;
    }
  }
  chain.complete(0);
}

void Balloon::report(Chain chain) noexcept {
  // 5.5.6.7: the buffers are the free pages themselves.
  for (const iovec& buffer : chain.writable()) {
    const std::span bytes(static_cast<const std::byte*>(buffer.iov_base), buffer.iov_len);
    const auto address = memory_.address_of(bytes);
    if (address && memory_.discard(*address, bytes.size())) {
      reported_ += bytes.size();
    }
  }
  chain.complete(0);
}

Result<void> Balloon::set_size(std::uint64_t size) {
  BOTHY_TRY(const std::uint32_t pages, pages_of(size, memory_));
  target_pages_ = pages;
  boost::asio::post(executor_, [this] {
    if (link_ != nullptr) {
      link_->signal_config();
    }
  });
  return success();
}

BalloonStatus Balloon::status() const {
  BalloonStatus status;
  status.target = target_pages_ * kBalloonPage;
  status.actual = actual_pages_ * kBalloonPage;
  status.inflated = inflated_;
  status.reported = reported_;
  const std::lock_guard lock(statistics_mutex_);
  status.statistics = latest_;
  return status;
}

}  // namespace bothy::virtio
