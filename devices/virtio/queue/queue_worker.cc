#include "devices/virtio/queue/queue_worker.h"

#include <boost/asio/post.hpp>

namespace bothy::virtio {
namespace {

constexpr int kBurst = 64;

}  // namespace

QueueWorker::QueueWorker(boost::asio::io_context& executor, ActiveQueue active, DriverLink& link,
                         Serve serve)
    : queue_(std::move(active.queue)),
      link_(link),
      serve_(std::move(serve)),
      kick_(executor),
      event_(active.kick),
      index_(active.index) {
  if (queue_) {
    kick_.assign(event_->fd());
    run();
  }
}

QueueWorker::~QueueWorker() {
  *alive_ = false;
  // The descriptor is the transport's.
  if (kick_.is_open()) {
    static_cast<void>(kick_.release());
  }
}

QueueState QueueWorker::stop() noexcept {
  *alive_ = false;
  return queue_ ? queue_->state() : QueueState{};
}

void QueueWorker::wait() {
  kick_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this, alive = alive_](const boost::system::error_code& error) {
                     if (*alive && !error) {
                       static_cast<void>(event_->drain());
                       run();
                     }
                   });
}

void QueueWorker::run() {
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
    boost::asio::post(kick_.get_executor(), [this, alive = alive_] {
      if (*alive) {
        run();
      }
    });
    return;
  }
  wait();
}

}  // namespace bothy::virtio
