#include "devices/virtio/vsock/worker.h"

#include <utility>

namespace bothy::virtio {
namespace {

// Per direction.
constexpr int kMaxPacketsPerTurn = 64;
constexpr std::size_t kMaxEventsPerTurn = 64;
// VIRTIO_VSOCK_EVENT_TRANSPORT_RESET (5.10.6.7).
constexpr std::uint32_t kTransportReset = 0;

}  // namespace

VsockWorker::VsockWorker(boost::asio::io_context& executor, std::vector<ActiveQueue> queues,
                         DriverLink& link, std::uint64_t guest_cid, std::size_t max_connections,
                         UnixPorts& ports, PollSet& poll)
    : executor_(executor),
      link_(link),
      poll_(poll),
      muxer_(guest_cid, ports, poll, max_connections),
      sockets_(executor) {
  open(receive_, std::move(queues.at(0)));
  open(transmit_, std::move(queues.at(1)));
  open(events_, std::move(queues.at(2)));
  if (const auto watched = sockets_.borrow(poll.fd()); !watched) {
    park(watched.error().context);
    return;
  }
  wait_for_sockets();
  muxer_.accept_waiting();
  run_turn();
}

std::vector<QueueState> VsockWorker::stop() noexcept {
  running_ = false;
  sockets_.close();
  muxer_.close_all();
  if (receive_chain_) {
    receive_.queue->unpop(*std::exchange(receive_chain_, std::nullopt));
  }
  std::vector<QueueState> states;
  for (const ServedQueue* served : {&receive_, &transmit_, &events_}) {
    states.push_back(served->queue ? served->queue->state() : QueueState{});
  }
  return states;
}

void VsockWorker::open(ServedQueue& served, ActiveQueue active) {
  if (active.queue) {
    served.queue = std::move(active.queue);
    served.index = active.index;
    served.doorbell.emplace(executor_, *active.kick, [this] { run_turn(); });
  }
}

void VsockWorker::wait_for_sockets() {
  sockets_.wait(FdWatch::Event::kReadable, [this] {
    std::array<epoll_event, kMaxEventsPerTurn> room;
    for (const epoll_event& event : poll_.take(room)) {
      muxer_.on_event(event);
    }
    wait_for_sockets();
    run_turn();
  });
}

void VsockWorker::run_turn() {
  if (!running_) {
    return;
  }
  bool more = serve_transmit();
  more = serve_receive() || more;
  more = serve_events() || more;
  if (!signal_or_park(receive_) || !signal_or_park(transmit_) || !signal_or_park(events_)) {
    return;
  }
  if (more && !std::exchange(turn_posted_, true)) {
    sockets_.post([this] {
      turn_posted_ = false;
      run_turn();
    });
  }
}

bool VsockWorker::serve_transmit() {
  Queue* queue = transmit_.queue.get();
  if (queue == nullptr) {
    return false;
  }
  queue->disable_kicks();
  for (int left = kMaxPacketsPerTurn; left > 0; --left) {
    // While too many resets wait, packets stay in the ring (5.10.6.1).
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
  // Whether packets of the guest wait until resets are sent.
  const bool stalled = !muxer_.can_receive();
  for (int left = kMaxPacketsPerTurn; left > 0 && muxer_.has_packets(); --left) {
    if (!receive_chain_) {
      receive_chain_ = queue->pop();
    }
    if (!receive_chain_) {
      return queue->enable_kicks() || (stalled && muxer_.can_receive());
    }
    if (receive_chain_->writer().remaining() <= kVsockHeaderSize) {
      park("a receive buffer is too small for a packet");
      return false;
    }
    const std::uint32_t length = muxer_.send(receive_chain_->writable());
    if (length > 0) {
      receive_chain_->complete(length);
      receive_chain_.reset();
    }
  }
  return muxer_.has_packets() || (stalled && muxer_.can_receive());
}

bool VsockWorker::serve_events() {
  Queue* queue = events_.queue.get();
  if (queue == nullptr || !reset_due_) {
    return false;
  }
  for (int left = kMaxPacketsPerTurn; left > 0; --left) {
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

bool VsockWorker::signal_or_park(ServedQueue& served) {
  if (!served.queue) {
    return true;
  }
  if (served.queue->needs_signal()) {
    link_.signal_queue(served.index);
  }
  if (served.queue->broken()) {
    park(served.queue->why_broken());
    return false;
  }
  return running_;
}

void VsockWorker::park(const std::string& why) {
  running_ = false;
  sockets_.close();
  muxer_.close_all();
  link_.park(why);
}

void VsockWorker::reset_transport() noexcept {
  if (running_) {
    muxer_.close_all();
    muxer_.accept_waiting();  // clients for whom there were too many connections
    reset_due_ = true;
    run_turn();
  }
}

}  // namespace bothy::virtio
