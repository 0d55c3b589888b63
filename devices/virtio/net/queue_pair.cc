#include "devices/virtio/net/queue_pair.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/signals.h"

namespace bothy::virtio {
namespace {

// What epoll tells apart.
enum Source : std::uint32_t { kWake, kReceiveKick, kTransmitKick, kPort };

}  // namespace

Result<std::unique_ptr<NetQueuePair>> NetQueuePair::start(ActiveQueue receive, ActiveQueue transmit,
                                                          PacketPort& port, DriverLink& link,
                                                          NetPairSettings settings, bool use_port) {
  const EventFd* const receive_kick = receive.queue ? receive.kick : nullptr;
  const EventFd* const transmit_kick = transmit.queue ? transmit.kick : nullptr;
  std::unique_ptr<NetQueuePair> pair(
      new NetQueuePair(std::move(receive), std::move(transmit), port, link, std::move(settings)));
  BOTHY_TRY(install_wake_handler());
  BOTHY_TRY(EventFd wake, EventFd::create());
  pair->wake_ = std::make_unique<EventFd>(std::move(wake));
  pair->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!pair->epoll_) {
    return errno_error("can't make an epoll instance for a network device");
  }
  BOTHY_TRY(pair->watch(pair->wake_->fd(), kWake));
  if (receive_kick != nullptr) {
    BOTHY_TRY(pair->watch(receive_kick->fd(), kReceiveKick));
  }
  if (transmit_kick != nullptr) {
    BOTHY_TRY(pair->watch(transmit_kick->fd(), kTransmitKick));
  }
  pair->wanted_port_ = use_port;
  pair->asked_ = true;
  try {
    pair->thread_ = std::thread([raw = pair.get()] { raw->loop(); });
  } catch (const std::system_error& error) {
    return errno_error("can't start a network device's thread", error.code().value());
  }
  return pair;
}

NetQueuePair::NetQueuePair(ActiveQueue receive, ActiveQueue transmit, PacketPort& port,
                           DriverLink& link, NetPairSettings settings)
    : port_(port),
      link_(link),
      settings_(std::move(settings)),
      receive_index_(receive.index),
      transmit_index_(transmit.index) {
  if (receive.queue) {
    receiver_ = std::make_unique<NetReceiver>(std::move(receive.queue), settings_.mergeable,
                                              settings_.expected, *settings_.receive.limit,
                                              *settings_.receive.counters);
  }
  if (transmit.queue) {
    transmitter_ = std::make_unique<NetTransmitter>(
        std::move(transmit.queue), *settings_.transmit.limit, *settings_.transmit.counters);
  }
}

NetQueuePair::~NetQueuePair() {
  static_cast<void>(stop());
}

Result<void> NetQueuePair::watch(int fd, std::uint32_t source) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u32 = source;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return errno_error("can't watch a network device's doorbell");
  }
  return success();
}

void NetQueuePair::use_port(bool use) noexcept {
  std::unique_lock lock(mutex_);
  wanted_port_ = use;
  asked_ = true;
  wake_->signal();
  heeded_.wait(lock, [&] { return heeded_port_ == use && !asked_; });
}

std::array<QueueState, 2> NetQueuePair::stop() noexcept {
  if (thread_.joinable()) {
    stopping_ = true;
    wake_->signal();
    thread_.join();
  }
  return {receiver_ ? receiver_->stop() : QueueState{},
          transmitter_ ? transmitter_->stop() : QueueState{}};
}

void NetQueuePair::loop() noexcept {
  block_signals_in_worker();
  ::pthread_setname_np(::pthread_self(), fmt::format("net {}", receive_index_ / 2).c_str());
  while (!stopping_) {
    if (asked_) {
      heed_owner();
    }
    const bool busy = turn();
    update_interest();
    wait(busy);
  }
}

void NetQueuePair::heed_owner() noexcept {
  const std::lock_guard lock(mutex_);
  asked_ = false;
  heeded_port_ = wanted_port_;
  if (using_port_ != wanted_port_) {
    using_port_ = wanted_port_;
    packets_there_ = using_port_;
    receive_held_ = false;
    transmit_held_ = false;
    update_interest();
  }
  heeded_.notify_all();
}

bool NetQueuePair::turn() noexcept {
  deadline_.reset();
  const auto now = Clock::now();
  const bool more_to_send = !parked_ && transmitter_ && transmit(now);
  const bool more_to_receive =
      !parked_ && receiver_ && using_port_ && !gone_ && packets_there_ && receive(now);
  if (parked_) {
    deadline_.reset();
  }
  return (more_to_send || more_to_receive) && !parked_;
}

bool NetQueuePair::transmit(Clock::time_point now) noexcept {
  const Progress progress = transmitter_->run(using_port_ && !gone_ ? &port_ : nullptr, now);
  if (transmitter_->needs_signal()) {
    link_.signal_queue(transmit_index_);
  }
  transmit_held_ = progress.state == Progress::State::kNoRoom;
  rearm_ = transmit_held_;
  note_deadline(progress);
  if (progress.state == Progress::State::kFault) {
    park(transmitter_->fault());
  }
  if (progress.state == Progress::State::kGone) {
    lose_port();
    return true;
  }
  return progress.state == Progress::State::kMore;
}

bool NetQueuePair::receive(Clock::time_point now) noexcept {
  const Progress progress = receiver_->run(port_, now);
  if (receiver_->needs_signal()) {
    link_.signal_queue(receive_index_);
  }
  receive_held_ =
      progress.state == Progress::State::kNoRoom || progress.state == Progress::State::kLimited;
  packets_there_ = progress.state != Progress::State::kIdle;
  note_deadline(progress);
  if (progress.state == Progress::State::kFault) {
    park(receiver_->fault());
  }
  if (progress.state == Progress::State::kGone) {
    lose_port();
  }
  return progress.state == Progress::State::kMore;
}

void NetQueuePair::note_deadline(const Progress& progress) noexcept {
  if (progress.until && (!deadline_ || *progress.until < *deadline_)) {
    deadline_ = progress.until;
  }
}

void NetQueuePair::lose_port() noexcept {
  gone_ = true;
  if (settings_.on_gone) {
    settings_.on_gone();
  }
}

void NetQueuePair::park(const std::string& why) noexcept {
  parked_ = true;
  link_.park(why);
}

void NetQueuePair::update_interest() noexcept {
  std::uint32_t wanted = 0;
  if (using_port_ && !gone_ && !parked_) {
    // While packets can't be taken each that comes would wake us.
    wanted = std::uint32_t{EPOLLET} | (receive_held_ || !receiver_ ? 0U : std::uint32_t{EPOLLIN}) |
             (transmit_held_ ? std::uint32_t{EPOLLOUT} : 0U);
  }
  // A tap tells only those of room whom it has told, when asked, that there was none.
  if (wanted == interest_ && !(std::exchange(rearm_, false) && wanted != 0)) {
    return;
  }
  const int operation = interest_ == 0 ? EPOLL_CTL_ADD
                        : wanted == 0  ? EPOLL_CTL_DEL
                                       : EPOLL_CTL_MOD;
  interest_ = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.u32 = kPort;
  static_cast<void>(::epoll_ctl(epoll_.get(), operation, port_.fd(), &event));
}

void NetQueuePair::wait(bool busy) noexcept {
  std::array<epoll_event, 4> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 busy ? 0 : timeout());
  for (int i = 0; i < count; ++i) {
    if (events[static_cast<std::size_t>(i)].data.u32 == kPort) {
      packets_there_ = true;
    }
  }
}

int NetQueuePair::timeout() const noexcept {
  if (!deadline_) {
    return -1;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000));
}

}  // namespace bothy::virtio
