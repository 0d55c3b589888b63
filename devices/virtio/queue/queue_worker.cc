#include "devices/virtio/queue/queue_worker.h"

#include <utility>

namespace bothy::virtio {
namespace {

constexpr int kBurst = 64;

}  // namespace

QueueWorker::QueueWorker(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link,
                         Serve serve)
    : queue_(std::move(active.queue)), link_(link), serve_(std::move(serve)), index_(active.index) {
  if (queue_) {
    doorbell_.emplace(executor, *active.kick, [this] { run(); });
    run();
  }
}

QueueState QueueWorker::stop() noexcept {
  doorbell_.reset();
  return queue_ ? queue_->state() : QueueState{};
}

void QueueWorker::run() {
  if (queue_->broken()) {
    return;  // parked
  }
  queue_->disable_kicks();
  int left = kBurst;
  for (; left > 0; --left) {
    auto chain = queue_->pop();
    if (!chain) {
      break;
    }
    serve_(std::move(*chain));
  }
  if (queue_->needs_signal()) {
    link_.signal_queue(index_);
  }
  if (queue_->broken()) {
    return link_.park(queue_->why_broken());
  }
  if (left == 0 || queue_->enable_kicks()) {
    doorbell_->call_again();
  }
}

}  // namespace bothy::virtio
