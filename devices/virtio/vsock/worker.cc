#include "devices/virtio/vsock/worker.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace bothy::virtio {
namespace {

// Packets of each direction in a turn.
constexpr int kBurst = 64;
constexpr std::size_t kEventBurst = 64;
// VIRTIO_VSOCK_EVENT_TRANSPORT_RESET (5.10.6.7).
constexpr std::uint32_t kTransportReset = 0;

}  // namespace

VsockWorker::VsockWorker(boost::asio::io_context& executor, std::vector<ActiveQueue> queues,
                         DriverLink& link, std::uint64_t guest_cid, std::size_t most_connections,
                         UnixPorts& ports, PollSet& poll)
    : executor_(executor),
      link_(link),
      poll_(poll),
      muxer_(guest_cid, ports, poll, most_connections),
      sockets_(executor, poll.fd()) {
  open(receive_, std::move(queues.at(0)));
  open(transmit_, std::move(queues.at(1)));
  open(events_, std::move(queues.at(2)));
  wait_for_sockets();
  muxer_.accept_waiting();
  turn();
}

VsockWorker::~VsockWorker() {
  *alive_ = false;
  static_cast<void>(sockets_.release());
}

std::vector<QueueState> VsockWorker::stop() noexcept {
  *alive_ = false;
  muxer_.close_all();
  if (spare_) {
    receive_.queue->unpop(*std::exchange(spare_, std::nullopt));
  }
  std::vector<QueueState> states;
  for (const Lane* lane : {&receive_, &transmit_, &events_}) {
    states.push_back(lane->queue ? lane->queue->state() : QueueState{});
  }
  return states;
}

void VsockWorker::open(Lane& lane, ActiveQueue active) {
  if (active.queue) {
    lane.queue = std::move(active.queue);
    lane.index = active.index;
    lane.doorbell.emplace(executor_, *active.kick, [this] { turn(); });
  }
}

void VsockWorker::wait_for_sockets() {
  sockets_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this, alive = alive_](const boost::system::error_code& error) {
                        if (*alive && !error) {
                          std::array<epoll_event, kEventBurst> room;
                          for (const epoll_event& event : poll_.take(room)) {
                            muxer_.on_event(event);
                          }
                          wait_for_sockets();
                          turn();
                        }
                      });
}

void VsockWorker::turn() {
  if (!*alive_) {
    return;  // parked
  }
  bool more = serve_transmit();
  more = serve_receive() || more;
  more = serve_events() || more;
  if (!signal_and_judge(receive_) || !signal_and_judge(transmit_) || !signal_and_judge(events_)) {
    return;
  }
  if (more && !std::exchange(turn_posted_, true)) {
    boost::asio::post(executor_, [this, alive = alive_] {
      if (*alive) {
        turn_posted_ = false;
        turn();
      }
    });
  }
}

bool VsockWorker::serve_transmit() {
  Queue* queue = transmit_.queue.get();
  if (queue == nullptr) {
    return false;
  }
  queue->disable_kicks();
  for (int left = kBurst; left > 0; --left) {
    // Without room for another answer its packets wait in the ring (5.10.6.1).
    if (!muxer_.can_receive()) {
      return false;
    }
    auto chain = queue->pop();
    if (!chain) {
      return queue->enable_kicks();
    }
    muxer_.receive(chain->readable());
    chain->complete(0);
  }
  return true;
}

bool VsockWorker::serve_receive() {
  Queue* queue = receive_.queue.get();
  if (queue == nullptr) {
    return false;
  }
  queue->disable_kicks();
  // Packets of the guest's that had to wait go on once there is room for answers.
  const bool stalled = !muxer_.can_receive();
  for (int left = kBurst; left > 0 && muxer_.has_packets(); --left) {
    if (!spare_) {
      spare_ = queue->pop();
    }
    if (!spare_) {
      return queue->enable_kicks() || (stalled && muxer_.can_receive());
    }
    if (spare_->writer().remaining() <= kVsockHeaderSize) {
      park("a receive buffer without room for a packet");
      return false;
    }
    const std::uint32_t length = muxer_.send(spare_->writable());
    if (length > 0) {
      spare_->complete(length);
      spare_.reset();
    }
  }
  return muxer_.has_packets() || (stalled && muxer_.can_receive());
}

bool VsockWorker::serve_events() {
  Queue* queue = events_.queue.get();
  if (queue == nullptr || !reset_due_) {
    return false;
  }
  for (int left = kBurst; left > 0; --left) {
    auto chain = queue->pop();
    if (!chain) {
      break;
    }
    Writer writer = chain->writer();
    if (writer.write(kTransportReset)) {
      chain->complete(sizeof(kTransportReset));
      reset_due_ = false;
      return false;
    }
  }
  return queue->enable_kicks();
}

bool VsockWorker::signal_and_judge(Lane& lane) {
  if (!lane.queue) {
    return true;
  }
  if (lane.queue->needs_signal()) {
    link_.signal_queue(lane.index);
  }
  if (lane.queue->broken()) {
    park(lane.queue->why_broken());
    return false;
  }
  return *alive_;
}

void VsockWorker::park(const std::string& why) {
  *alive_ = false;
  muxer_.close_all();
  link_.park(why);
}

void VsockWorker::reset_transport() noexcept {
  if (*alive_) {
    muxer_.close_all();
    muxer_.accept_waiting();  // those that found no room before
    reset_due_ = true;
    turn();
  }
}

}  // namespace bothy::virtio
