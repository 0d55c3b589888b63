#include "devices/virtio/balloon/balloon.h"

#include <linux/virtio_balloon.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "devices/virtio/balloon/pages.h"
#include "devices/virtio/config_space.h"

namespace bothy::virtio {
namespace {

constexpr std::array<std::uint16_t, 5> kQueueSizes{128, 128, 128, 128, 128};
// Queue indices (5.5.2). Linux counts only the queues of negotiated features, so that its reporting
// queue follows the last of them.
constexpr std::size_t kInflate = 0;
constexpr std::size_t kDeflate = 1;
constexpr std::size_t kStatistics = 2;
constexpr std::size_t kReporting = 4;

constexpr bool has(std::uint64_t features, unsigned number) noexcept {
  return (features & feature(number)) != 0;
}

Result<std::uint32_t> pages_of(std::uint64_t size, const GuestMemory& memory) {
  if (size % kBalloonPage != 0) {
    return make_error(ErrorCode::kInvalid,
                      "invalid balloon size of {} bytes: expected a multiple of {} KiB", size,
                      kBalloonPage >> 10U);
  }
  if (size > memory.size()) {
    return make_error(ErrorCode::kInvalid,
                      "invalid balloon size of {} MiB: the guest has {} MiB of memory", size >> 20U,
                      memory.size() >> 20U);
  }
  return static_cast<std::uint32_t>(size / kBalloonPage);
}

std::size_t reporting_queue(std::uint64_t features, const std::vector<ActiveQueue>& queues) {
  if (queues.at(kReporting).queue) {
    return kReporting;
  }
  return has(features, VIRTIO_BALLOON_F_STATS_VQ) ? kStatistics + 1 : kStatistics;
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
  // PAGE_POISON is not offered: a guest that poisons its free pages then doesn't report them
  // (5.5.6.7), so reported pages may come back as zeros.
  return feature(VIRTIO_BALLOON_F_MUST_TELL_HOST) |
         (config_.stats_seconds > 0 ? feature(VIRTIO_BALLOON_F_STATS_VQ) : 0) |
         (config_.deflate_on_oom ? feature(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) : 0) |
         (config_.free_page_reporting ? feature(VIRTIO_BALLOON_F_REPORTING) : 0);
}

std::span<const std::uint16_t> Balloon::queue_sizes() const noexcept {
  return kQueueSizes;
}

void Balloon::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  // num_pages and actual (5.5.4); the other fields belong to features that aren't offered.
  const std::array<std::uint32_t, 2> fields{target_pages_.load(), actual_pages_.load()};
  read_config_space(fields, offset, data);
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
  if (has(features, VIRTIO_BALLOON_F_REPORTING)) {
    reporting_index_ = reporting_queue(features, queues);
    reporting_ = std::make_unique<BalloonPageQueue>(
        executor_, std::move(queues.at(reporting_index_)), link, memory_,
        [this](const Chain& chain) { return read_reported_pages(chain, memory_); }, reported_);
  }
  if (has(features, VIRTIO_BALLOON_F_STATS_VQ) && queues.at(kStatistics).queue) {
    statistics_ = std::make_unique<BalloonStatisticsQueue>(
        executor_, std::move(queues.at(kStatistics)), link,
        std::chrono::seconds(config_.stats_seconds), [this](const BalloonStatistics& statistics) {
          const std::lock_guard lock(statistics_mutex_);
          latest_ = statistics;
        });
  }
  inflate_ = std::make_unique<BalloonPageQueue>(
      executor_, std::move(queues.at(kInflate)), link, memory_,
      [](const Chain& chain) { return read_inflate_pages(chain.reader()); }, inflated_);
  // The guest's next access to a page brings its memory back, so there is nothing to do.
  deflate_ = std::make_unique<QueueWorker>(executor_, std::move(queues.at(kDeflate)), link,
                                           [](Chain chain) { chain.complete(0); });
}

std::vector<QueueState> Balloon::stop() noexcept {
  std::vector<QueueState> states(kQueueSizes.size());
  states[kInflate] = inflate_->stop();
  states[kDeflate] = deflate_->stop();
  if (statistics_) {
    states[kStatistics] = statistics_->stop();
  }
  if (reporting_) {
    states[reporting_index_] = reporting_->stop();
  }
  inflate_.reset();
  deflate_.reset();
  statistics_.reset();
  reporting_.reset();
  link_ = nullptr;
  // A driver that starts over begins with an empty balloon.
  actual_pages_ = 0;
  return states;
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
