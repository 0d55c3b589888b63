#include "devices/virtio/fs/fs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "devices/virtio/fs/refusal.h"

namespace bothy::virtio {
namespace {

// High priority, and one for all other requests: either virtiofsd serves no more (5.11.2).
constexpr std::array<std::uint16_t, 2> kQueueSizes{128, 1024};
constexpr std::uint32_t kRequestQueues = 1;
constexpr std::string_view kOtherInTag = "._-";
// A machine of many is slow to start everything at once.
constexpr std::chrono::seconds kTimeToStart{20};

// 5.11.4
struct Config {
  std::array<char, FsConfig::kLongestTag> tag{};  // filled up with NULs
  std::uint32_t request_queues = kRequestQueues;
};

}  // namespace

Result<void> validate(const FsConfig& config) {
  const bool fits = !config.tag.empty() && config.tag.size() <= FsConfig::kLongestTag;
  if (!fits || !std::ranges::all_of(config.tag, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kOtherInTag.find(c) != std::string_view::npos;
      })) {
    return make_error(ErrorCode::kInvalid,
                      "--fs: '{}' is no tag: 1 to {} letters, digits and '._-' are", config.tag,
                      FsConfig::kLongestTag);
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
                         memory_, kQueueSizes.size(), kTimeToStart);
  if (!back_end) {
    Error error = std::move(back_end).error();
    if (server_ && error.code == ErrorCode::kSystem) {
      error.context += fmt::format(" (its last words: {})", server_->kill());
    }
    return error;
  }
  back_end_ = std::move(back_end).value();
  // Where a packed queue stands has no place in what we ask the back end.
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
  const auto bytes = std::as_bytes(std::span(&config, 1));
  if (offset < bytes.size()) {
    const auto rest = bytes.subspan(offset);
    std::memcpy(data.data(), rest.data(), std::min(data.size(), rest.size()));
  }
}

void Fs::start(std::uint64_t features, std::vector<ActiveQueue> queues, DriverLink& link) noexcept {
  link_ = &link;
  rings_ = {(features & feature(kFeatureIndirect)) != 0,
            (features & feature(kFeatureEventIndex)) != 0, false};
  running_ = std::make_shared<bool>(true);
  lanes_ = std::vector<Lane>(queues.size());
  for (std::size_t i = 0; i < queues.size(); ++i) {
    lanes_[i].active = std::move(queues[i]);
  }
  if (!back_end_) {
    return fail(fmt::format("virtiofsd, which served '{}', is gone", config_.tag));
  }
  if (const auto handed = hand_over(features); !handed) {
    return fail(handed.error().context);
  }
  boost::system::error_code error;
  watch_.assign(back_end_->fd(), error);
  if (error) {
    return fail("virtiofsd can't be watched: " + error.message());
  }
  watch();
}

Result<void> Fs::hand_over(std::uint64_t features) {
  std::vector<VhostRing> rings;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    if (!lane.active.queue) {
      continue;
    }
    const QueueConfig& config = lane.active.config;
    static_cast<void>(calls_[i].drain());
    lane.call.emplace(executor_, calls_[i],
                      [this, index = lane.active.index] { link_->signal_queue(index); });
    lane.handed_over = true;
    rings.push_back({static_cast<std::uint8_t>(i), config.size, config.descriptors,
                     config.driver_area, config.device_area,
                     lane.active.queue->state().next_available, lane.active.kick->fd(),
                     calls_[i].fd()});
  }
  return back_end_->start_rings(features & ring_features_, rings);
}

void Fs::watch() {
  watch_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, running = running_](const boost::system::error_code& error) {
        if (!*running || error) {
          return;
        }
        if (back_end_->alive()) {
          return watch();
        }
        fail(fmt::format("virtiofsd, which serves '{}', has ended or broken the protocol",
                         config_.tag));
      });
}

void Fs::fail(const std::string& why) {
  disconnect();
  // Nothing that ends of itself may touch the rings beside us.
  link_->park(server_ ? fmt::format("{} (its last words: {})", why, server_->kill()) : why);
  server_.reset();
  for (Lane& lane : lanes_) {
    lane.call.reset();
    if (!lane.active.queue) {
      continue;
    }
    if (std::exchange(lane.handed_over, false)) {
      lane.active.queue = take_over_fs_queue(memory_, lane.active.config, rings_);
    }
    // The last completions of the back end may have come without a call.
    link_->signal_queue(lane.active.index);
    lane.refusal =
        std::make_unique<QueueWorker>(executor_, std::move(lane.active), *link_, refuse_fs_request);
  }
}

std::vector<QueueState> Fs::stop() noexcept {
  *running_ = false;
  std::vector<QueueState> states(lanes_.size());
  std::vector<VhostRingPosition> rings;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].refusal) {
      states[i] = lanes_[i].refusal->stop();
    } else if (lanes_[i].handed_over) {
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
  if (watch_.is_open()) {
    static_cast<void>(watch_.release());  // it is the connection's
  }
  lanes_.clear();
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
  if (watch_.is_open()) {
    static_cast<void>(watch_.release());
  }
  back_end_.reset();
}

}  // namespace bothy::virtio
