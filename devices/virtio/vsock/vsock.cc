#include "devices/virtio/vsock/vsock.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <utility>

#include "devices/virtio/config_space.h"

namespace bothy::virtio {
namespace {

// Receive, transmit, events (5.10.2).
constexpr std::array<std::uint16_t, 3> kQueueSizes{256, 256, 8};
constexpr std::uint64_t kFeatureStream = 1;  // VIRTIO_VSOCK_F_STREAM (5.10.3)
// Descriptors for everything but the connections.
constexpr rlim_t kOtherFiles = 512;

// Raises the limit of open files as far as permitted, and returns how many connections it leaves
// room for: a guest must not use up the descriptors that the rest of the process needs.
std::size_t make_room_for_files() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return VsockMuxer::kMaxConnections;
  }
  const rlim_t wanted = VsockMuxer::kMaxConnections + kOtherFiles;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, wanted));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::min<rlim_t>(limit.rlim_cur - std::min(limit.rlim_cur / 2, kOtherFiles),
                          VsockMuxer::kMaxConnections);
}

}  // namespace

Result<std::unique_ptr<Vsock>> Vsock::create(const VsockConfig& config,
                                             boost::asio::io_context& executor) {
  if (config.cid < VsockConfig::kFirstCid || config.cid > VsockConfig::kLastCid) {
    return make_error(ErrorCode::kInvalid, "--vsock: invalid CID {}: expected {} to {}", config.cid,
                      VsockConfig::kFirstCid, VsockConfig::kLastCid);
  }
  BOTHY_TRY(PollSet poll, PollSet::create());
  BOTHY_TRY(UnixPorts ports, UnixPorts::listen("--vsock", config.path));
  if (!poll.add(ports.fd(), VsockMuxer::kListener)) {
    return errno_error("--vsock: can't watch " + config.path);
  }
  return std::unique_ptr<Vsock>(
      new Vsock(config.cid, executor, make_room_for_files(), std::move(ports), std::move(poll)));
}

std::uint64_t Vsock::features() const noexcept {
  return kFeatureStream;
}

std::span<const std::uint16_t> Vsock::queue_sizes() const noexcept {
  return kQueueSizes;
}

void Vsock::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  // guest_cid, 64 bits (5.10.4).
  read_config_space(cid_, offset, data);
}

void Vsock::start(std::uint64_t, std::vector<ActiveQueue> queues, DriverLink& link) noexcept {
  worker_ = std::make_unique<VsockWorker>(executor_, std::move(queues), link, cid_,
                                          max_connections_, ports_, poll_);
}

std::vector<QueueState> Vsock::stop() noexcept {
  auto states = worker_->stop();
  worker_.reset();
  return states;
}

void Vsock::reset_transport() noexcept {
  if (worker_) {
    worker_->reset_transport();
  }
}

}  // namespace bothy::virtio
