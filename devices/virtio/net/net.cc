#include "devices/virtio/net/net.h"

#include <algorithm>

#include "base/log.h"
#include "devices/virtio/config_space.h"
#include "devices/virtio/net/layout.h"

namespace bothy::virtio {
namespace {

constexpr std::uint16_t kQueueSize = 256;
constexpr std::uint16_t kControlQueueSize = 64;
constexpr std::uint16_t kDefaultMtu = 1500;
// With a VLAN tag.
constexpr std::size_t kEthernetHeader = 18;

std::uint64_t guest_features(const NetOffloads& offloads) noexcept {
  return (offloads.checksum ? feature(kNetGuestCsum) : 0) |
         (offloads.tso4 ? feature(kNetGuestTso4) : 0) |
         (offloads.tso6 ? feature(kNetGuestTso6) : 0) | (offloads.ecn ? feature(kNetGuestEcn) : 0) |
         (offloads.uso ? feature(kNetGuestUso4) | feature(kNetGuestUso6) : 0);
}

std::uint64_t host_features(const NetOffloads& offloads) noexcept {
  return (offloads.checksum ? feature(kNetCsum) : 0) | (offloads.tso4 ? feature(kNetHostTso4) : 0) |
         (offloads.tso6 ? feature(kNetHostTso6) : 0) | (offloads.ecn ? feature(kNetHostEcn) : 0) |
         (offloads.uso ? feature(kNetHostUso) : 0);
}

// The offloads that a driver with these features accepts.
NetOffloads guest_offloads(std::uint64_t features) noexcept {
  const auto has = [&](unsigned number) { return (features & feature(number)) != 0; };
  return {.checksum = has(kNetGuestCsum),
          .tso4 = has(kNetGuestTso4),
          .tso6 = has(kNetGuestTso6),
          .ecn = has(kNetGuestEcn),
          // The host has both or none.
          .uso = has(kNetGuestUso4) && has(kNetGuestUso6)};
}

std::uint64_t offered(const NetBackend& backend, bool with_mtu) noexcept {
  const NetOffloads offloads = backend.offloads();
  std::uint64_t features = guest_features(offloads) | host_features(offloads);
  features |= offloads.checksum ? feature(kNetCtrlGuestOffloads) : 0;
  features |= backend.queues() > 1 ? feature(kNetMultiQueue) : 0;
  features |= with_mtu ? feature(kNetMtu) : 0;
  for (const unsigned number : {kNetMac, kNetStatus, kNetMergeableBuffers, kNetCtrlQueue,
                                kNetCtrlRx, kNetCtrlRxExtra, kNetCtrlMacAddress}) {
    features |= feature(number);
  }
  return features;
}

std::optional<std::uint16_t> mtu_to_offer(const NetConfig& config, const NetBackend& backend) {
  if (config.mtu) {
    return config.mtu;
  }
  const auto mtu = backend.mtu();
  return mtu == kDefaultMtu ? std::nullopt : mtu;
}

}  // namespace

Net::Net(const NetConfig& config, std::unique_ptr<NetBackend> backend,
         boost::asio::io_context& executor)
    : executor_(executor),
      backend_(std::move(backend)),
      mtu_(mtu_to_offer(config, *backend_)),
      features_(offered(*backend_, mtu_.has_value())),
      queue_sizes_(2 * backend_->queues(), kQueueSize),
      receive_limit_(config.receive),
      transmit_limit_(config.transmit),
      mac_(config.mac.value_or(random_mac())) {
  queue_sizes_.push_back(kControlQueueSize);
  for (std::size_t i = 0; i < backend_->queues(); ++i) {
    counters_.push_back(std::make_unique<Counters>());
    auto thread = WorkerThread::start(fmt::format("net {}", i), ThreadRole::kNetwork);
    threads_.push_back(thread ? std::move(thread).value() : nullptr);
  }
}

Net::~Net() = default;

void Net::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
  NetConfigSpace config;
  std::ranges::copy(mac(), config.mac);
  config.status = link_up_ ? kNetLinkUp : std::uint16_t{0};
  config.max_pairs = static_cast<std::uint16_t>(backend_->queues());
  config.mtu = mtu_.value_or(0);
  read_config_space(config, offset, data);
}

void Net::start(std::uint64_t features, std::vector<ActiveQueue> queues,
                DriverLink& link) noexcept {
  negotiated_ = features;
  link_ = &link;
  // One pair until the driver enables more (5.1.6.5.5).
  active_pairs_ = 1;
  auto ready = backend_->use_queues(active_pairs_);
  if (ready) {
    ready = backend_->set_receive_offloads(guest_offloads(features), true);
  }
  if (!ready && link_up_) {
    log_guest(limiter_, "network device: can't use offloads: {}", ready.error().context);
  }
  const bool several = (features & feature(kNetMultiQueue)) != 0;
  const std::size_t pairs = several ? backend_->queues() : 1;
  for (std::size_t i = 0; i < pairs; ++i) {
    start_pair(i, std::move(queues[2 * i]), std::move(queues[2 * i + 1]));
  }
  // The control queue follows the pairs that the driver knows of (5.1.2).
  control_ = std::make_unique<QueueWorker>(
      executor_, std::move(queues[2 * pairs]), link,
      [this](Chain chain) { serve_net_control(std::move(chain), *this); });
}

void Net::start_pair(std::size_t index, ActiveQueue receive, ActiveQueue transmit) {
  if (!threads_[index]) {
    pairs_.push_back(nullptr);
    return link_->park("a network device's thread couldn't be started");
  }
  NetPairSettings settings;
  settings.mergeable = (negotiated_ & feature(kNetMergeableBuffers)) != 0;
  settings.expected = expected_packet_size();
  settings.receive = {&receive_limit_, &counters_[index]->receive};
  settings.transmit = {&transmit_limit_, &counters_[index]->transmit};
  settings.on_disconnect = [this] { set_link_down(); };
  auto pair = NetQueuePair::start(*threads_[index], std::move(receive), std::move(transmit),
                                  backend_->port(index), *link_, std::move(settings), index == 0);
  if (!pair) {
    link_->park(pair.error().context);
  }
  pairs_.push_back(pair ? std::move(pair).value() : nullptr);
}

std::size_t Net::expected_packet_size() const noexcept {
  constexpr auto kLarge = feature(kNetGuestTso4) | feature(kNetGuestTso6) | feature(kNetGuestUso4) |
                          feature(kNetGuestUso6);
  if ((negotiated_ & kLarge) != 0) {
    return PacketPort::kMaxBytes;
  }
  return PacketPort::kHeader + kEthernetHeader + std::max(mtu_.value_or(kDefaultMtu), kDefaultMtu);
}

std::vector<QueueState> Net::stop() noexcept {
  std::vector<QueueState> states(queue_sizes_.size());
  // First the control queue, whose commands change the pairs.
  states[2 * pairs_.size()] = control_->stop();
  control_.reset();
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (pairs_[i]) {
      const auto both = pairs_[i]->stop();
      std::copy(both.begin(), both.end(), states.begin() + static_cast<std::ptrdiff_t>(2 * i));
    }
  }
  pairs_.clear();
  link_ = nullptr;
  return states;
}

MacAddress Net::mac() const noexcept {
  const std::lock_guard lock(mac_mutex_);
  return mac_;
}

bool Net::set_mac(const MacAddress& mac) {
  const std::lock_guard lock(mac_mutex_);
  mac_ = mac;
  return true;
}

bool Net::set_pairs(std::uint16_t count) {
  if (count == 0 || count > pairs_.size() || (negotiated_ & feature(kNetMultiQueue)) == 0) {
    return false;
  }
  for (std::size_t i = count; i < pairs_.size(); ++i) {
    if (pairs_[i]) {
      pairs_[i]->use_port(false);
    }
  }
  const auto moved = backend_->use_queues(count);
  if (!moved) {
    log_guest(limiter_, "network device: can't use {} queue pairs, keeping {}: {}", count,
              active_pairs_, moved.error().context);
    // The backend may have changed some of its queues.
    static_cast<void>(backend_->use_queues(active_pairs_));
  } else {
    active_pairs_ = count;
  }
  for (std::size_t i = 0; i < active_pairs_; ++i) {
    if (pairs_[i]) {
      pairs_[i]->use_port(true);
    }
  }
  return moved.has_value();
}

bool Net::set_guest_offloads(std::uint64_t features) {
  const std::uint64_t allowed = (negotiated_ & feature(kNetCtrlGuestOffloads)) != 0
                                    ? negotiated_ & guest_features(backend_->offloads())
                                    : 0;
  return (features & ~allowed) == 0 &&
         backend_->set_receive_offloads(guest_offloads(features), false).has_value();
}

void Net::set_link_down() noexcept {
  if (link_up_.exchange(false)) {
    link_->signal_config();
  }
}

NetStatistics Net::statistics() const noexcept {
  const auto add = [](NetStatistics::Direction& to, const NetCounters& from) {
    to.packets += from.packets();
    to.bytes += from.bytes();
    to.dropped += from.dropped();
  };
  NetStatistics all;
  for (const auto& counters : counters_) {
    add(all.received, counters->receive);
    add(all.sent, counters->transmit);
  }
  return all;
}

}  // namespace bothy::virtio
