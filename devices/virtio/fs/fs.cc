#include "devices/virtio/fs/fs.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "devices/virtio/config_space.h"
#include "devices/virtio/fs/fallback.h"

namespace bothy::virtio {
namespace {

// The high-priority queue and one request queue (5.11.2): neither virtiofsd serves more.
constexpr std::array<std::uint16_t, 2> kQueueSizes{128, 1024};
constexpr std::uint32_t kRequestQueues = 1;
constexpr std::string_view kTagPunctuation = "._-";
// virtiofsd may be slow to start on a busy host.
constexpr std::chrono::seconds kStartTimeout{20};

// 5.11.4
struct Config {
  std::array<char, FsConfig::kMaxTagLength> tag{};  // padded with NULs
  std::uint32_t request_queues = kRequestQueues;
};

}  // namespace

Result<void> validate(const FsConfig& config) {
  const bool fits = !config.tag.empty() && config.tag.size() <= FsConfig::kMaxTagLength;
  if (!fits || !std::ranges::all_of(config.tag, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kTagPunctuation.find(c) != std::string_view::npos;
      })) {
    return make_error(ErrorCode::kInvalid,
                      "--fs: invalid tag '{}': expected 1 to {} letters, digits and '._-'",
                      config.tag, FsConfig::kMaxTagLength);
  }
  return success();
}

Result<std::unique_ptr<Fs>> Fs::create(const FsConfig& config, UniqueFd socket,
                                       std::unique_ptr<Virtiofsd> server, const GuestMemory& memory,
                                       boost::asio::io_context& executor) {
  BOTHY_TRY(validate(config));
  std::unique_ptr<Fs> fs(new Fs(config, memory, executor));
  fs->server_ = std::move(server);
  fs->socket_ = std::move(socket);
  for (std::size_t i = 0; i < kQueueSizes.size(); ++i) {
    BOTHY_TRY(EventFd call, EventFd::create());
    fs->calls_.push_back(std::move(call));
  }
  return fs;
}

Result<void> Fs::connect() {
  auto back_end =
      VhostUser::connect(std::move(socket_), fmt::format("--fs {}: virtiofsd", config_.tag),
                         memory_, kQueueSizes.size(), kStartTimeout);
  if (!back_end) {
    Error error = std::move(back_end).error();
    if (server_ && error.code == ErrorCode::kSystem) {
      error.context += fmt::format(" (its last message: {})", server_->kill());
    }
    return error;
  }
  back_end_ = std::move(back_end).value();
  // The protocol as used here has no message for the state of a packed queue.
  ring_features_ = back_end_->features() & kRingFeatures & ~feature(kFeatureRingPacked);
  return success();
}

Fs::~Fs() {
  disconnect();
}

std::uint64_t Fs::ring_features() const noexcept {
  return ring_features_;
}

std::span<const std::uint16_t> Fs::queue_sizes() const noexcept {
  return kQueueSizes;
}

void Fs::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  Config config;
  std::ranges::copy(config_.tag, config.tag.begin());
  read_config_space(config, offset, data);
}

void Fs::start(std::uint64_t features, std::vector<ActiveQueue> queues, DriverLink& link) noexcept {
  link_ = &link;
  rings_ = {(features & feature(kFeatureIndirect)) != 0,
            (features & feature(kFeatureEventIndex)) != 0, false};
  served_ = std::vector<ServedQueue>(queues.size());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    served_[i].active = std::move(queues[i]);
  }
  if (!back_end_) {
    return fail(fmt::format("virtiofsd of share '{}' has ended", config_.tag));
  }
  if (const auto handed = hand_over(features); !handed) {
    return fail(handed.error().context);
  }
  if (const auto watched = watch_.borrow(back_end_->fd()); !watched) {
    return fail(watched.error().context);
  }
  watch();
}

Result<void> Fs::hand_over(std::uint64_t features) {
  std::vector<VhostRing> rings;
  for (std::size_t i = 0; i < served_.size(); ++i) {
    ServedQueue& served = served_[i];
    if (!served.active.queue) {
      continue;
    }
    const QueueConfig& config = served.active.config;
    static_cast<void>(calls_[i].drain());
    served.call.emplace(executor_, calls_[i],
                        [this, index = served.active.index] { link_->signal_queue(index); });
    served.handed_over = true;
    rings.push_back({static_cast<std::uint8_t>(i), config.size, config.descriptors,
                     config.driver_area, config.device_area,
                     served.active.queue->state().next_available, served.active.kick->fd(),
                     calls_[i].fd()});
  }
  return back_end_->start_rings(features & ring_features_, rings);
}

void Fs::watch() {
  watch_.wait(FdWatch::Event::kReadable, [this] {
    if (back_end_->alive()) {
      return watch();
    }
    fail(fmt::format("virtiofsd of share '{}' has ended or broken the protocol", config_.tag));
  });
}

void Fs::fail(const std::string& why) {
  disconnect();
  // The process must not access the rings any more.
  link_->park(server_ ? fmt::format("{} (its last message: {})", why, server_->kill()) : why);
  server_.reset();
  for (ServedQueue& served : served_) {
    served.call.reset();
    if (!served.active.queue) {
      continue;
    }
    if (std::exchange(served.handed_over, false)) {
      served.active.queue = take_over_fs_queue(memory_, served.active.config, rings_);
    }
    // The back end may have used buffers without a call.
    link_->signal_queue(served.active.index);
    served.fallback = std::make_unique<QueueWorker>(executor_, std::move(served.active), *link_,
                                                    answer_not_connected);
  }
}

std::vector<QueueState> Fs::stop() noexcept {
  watch_.close();
  std::vector<QueueState> states(served_.size());
  std::vector<VhostRingPosition> rings;
  for (std::size_t i = 0; i < served_.size(); ++i) {
    if (served_[i].fallback) {
      states[i] = served_[i].fallback->stop();
    } else if (served_[i].handed_over) {
      rings.push_back({static_cast<std::uint8_t>(i)});
    }
  }
  if (back_end_) {
    take_back(rings);
  }
  for (const VhostRingPosition& ring : rings) {
    if (ring.base) {
      // The back end has completed what it has taken.
      states[ring.index] = {.next_available = *ring.base, .next_used = *ring.base};
    }
  }
  served_.clear();
  link_ = nullptr;
  return states;
}

void Fs::take_back(std::span<VhostRingPosition> rings) noexcept {
  if (const auto stopped = back_end_->stop_rings(rings); !stopped) {
    log(LogLevel::kWarning, "{}: virtiofsd is killed", stopped.error().context);
    disconnect();
    if (server_) {
      static_cast<void>(server_->kill());
    }
  }
}

void Fs::disconnect() noexcept {
  watch_.close();
  back_end_.reset();
}

}  // namespace bothy::virtio
