#include "devices/virtio/net/queue_pair.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bothy::virtio {
namespace {

// Event sources of the epoll instance.
enum Source : std::uint32_t { kWake, kReceiveKick, kTransmitKick, kPort };

}  // namespace

Result<std::unique_ptr<NetQueuePair>> NetQueuePair::start(WorkerThread& thread, ActiveQueue receive,
                                                          ActiveQueue transmit, PacketPort& port,
                                                          DriverLink& link,
                                                          NetPairSettings settings, bool use_port) {
  const EventFd* const receive_kick = receive.queue ? receive.kick : nullptr;
  const EventFd* const transmit_kick = transmit.queue ? transmit.kick : nullptr;
  std::unique_ptr<NetQueuePair> pair(
      new NetQueuePair(std::move(receive), std::move(transmit), port, link, std::move(settings)));
  BOTHY_TRY(EventFd wake, EventFd::create());
  pair->wake_ = std::make_unique<EventFd>(std::move(wake));
  pair->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!pair->epoll_) {
    return errno_error("can't create an epoll instance for a network device");
  }
  BOTHY_TRY(pair->watch(pair->wake_->fd(), kWake));
  if (receive_kick != nullptr) {
    BOTHY_TRY(pair->watch(receive_kick->fd(), kReceiveKick));
  }
  if (transmit_kick != nullptr) {
    BOTHY_TRY(pair->watch(transmit_kick->fd(), kTransmitKick));
  }
  pair->requested_port_ = use_port;
  pair->request_pending_ = true;
  pair->thread_ = &thread;
  thread.run([raw = pair.get()] { raw->loop(); });
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
    return errno_error("can't watch a network device's notifications");
  }
  return success();
}

void NetQueuePair::use_port(bool use) noexcept {
  std::unique_lock lock(mutex_);
  requested_port_ = use;
  request_pending_ = true;
  wake_->signal();
  applied_.wait(lock, [&] { return applied_port_ == use && !request_pending_; });
}

std::array<QueueState, 2> NetQueuePair::stop() noexcept {
  if (WorkerThread* const thread = std::exchange(thread_, nullptr); thread != nullptr) {
    stopping_ = true;
    wake_->signal();
    thread->wait();
  }
  return {receiver_ ? receiver_->stop() : QueueState{},
          transmitter_ ? transmitter_->stop() : QueueState{}};
}

void NetQueuePair::loop() noexcept {
  while (!stopping_) {
    if (request_pending_) {
      apply_request();
    }
    const bool busy = turn();
    update_watched_events();
    wait(busy);
  }
}

void NetQueuePair::apply_request() noexcept {
  const std::lock_guard lock(mutex_);
  request_pending_ = false;
  applied_port_ = requested_port_;
  if (using_port_ != requested_port_) {
    using_port_ = requested_port_;
    port_readable_ = using_port_;
    receive_blocked_ = false;
    transmit_blocked_ = false;
    update_watched_events();
  }
  applied_.notify_all();
}

bool NetQueuePair::turn() noexcept {
  deadline_.reset();
  const auto now = Clock::now();
  const bool more_to_send = !reset_requested_ && transmitter_ && transmit(now);
  const bool more_to_receive = !reset_requested_ && receiver_ && using_port_ && !disconnected_ &&
                               port_readable_ && receive(now);
  if (reset_requested_) {
    deadline_.reset();
  }
  return (more_to_send || more_to_receive) && !reset_requested_;
}

bool NetQueuePair::transmit(Clock::time_point now) noexcept {
  const NetProgress progress =
      transmitter_->run(using_port_ && !disconnected_ ? &port_ : nullptr, now);
  if (transmitter_->needs_signal()) {
    link_.signal_queue(transmit_index_);
  }
  transmit_blocked_ = progress.state == NetProgress::State::kNoRoom;
  rearm_ = transmit_blocked_;
  note_deadline(progress);
  if (progress.state == NetProgress::State::kFault) {
    park(transmitter_->fault());
  }
  if (progress.state == NetProgress::State::kDisconnected) {
    disconnect();
    return true;
  }
  return progress.state == NetProgress::State::kMore;
}

bool NetQueuePair::receive(Clock::time_point now) noexcept {
  const NetProgress progress = receiver_->run(port_, now);
  if (receiver_->needs_signal()) {
    link_.signal_queue(receive_index_);
  }
  receive_blocked_ = progress.state == NetProgress::State::kNoRoom ||
                     progress.state == NetProgress::State::kLimited;
  port_readable_ = progress.state != NetProgress::State::kIdle;
  note_deadline(progress);
  if (progress.state == NetProgress::State::kFault) {
    park(receiver_->fault());
  }
  if (progress.state == NetProgress::State::kDisconnected) {
    disconnect();
  }
  return progress.state == NetProgress::State::kMore;
}

void NetQueuePair::note_deadline(const NetProgress& progress) noexcept {
  if (progress.until && (!deadline_ || *progress.until < *deadline_)) {
    deadline_ = progress.until;
  }
}

void NetQueuePair::disconnect() noexcept {
  disconnected_ = true;
  if (settings_.on_disconnect) {
    settings_.on_disconnect();
  }
}

void NetQueuePair::park(const std::string& why) noexcept {
  reset_requested_ = true;
  link_.park(why);
}

void NetQueuePair::update_watched_events() noexcept {
  std::uint32_t wanted = 0;
  if (using_port_ && !disconnected_ && !reset_requested_) {
    // While packets can't be received, they must not wake the thread.
    wanted = std::uint32_t{EPOLLET} |
             (receive_blocked_ || !receiver_ ? 0U : std::uint32_t{EPOLLIN}) |
             (transmit_blocked_ ? std::uint32_t{EPOLLOUT} : 0U);
  }
  // A tap reports room only to pollers that were told before that there was none.
  if (wanted == watched_events_ && !(std::exchange(rearm_, false) && wanted != 0)) {
    return;
  }
  const int operation = watched_events_ == 0 ? EPOLL_CTL_ADD
                        : wanted == 0        ? EPOLL_CTL_DEL
                                             : EPOLL_CTL_MOD;
  watched_events_ = wanted;
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
      port_readable_ = true;
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
