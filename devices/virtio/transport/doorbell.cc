#include "devices/virtio/transport/doorbell.h"

#include <utility>

#include "base/log.h"

namespace bothy::virtio {

Doorbell::Doorbell(boost::asio::io_context& executor, const EventFd& kick,
                   std::function<void()> on_kick)
    : kick_(kick), on_kick_(std::move(on_kick)), watch_(executor) {
  if (const auto watched = watch_.borrow(kick.fd()); !watched) {
    log(LogLevel::kError, "a virtio queue's notifications are lost: {}", watched.error().context);
  }
  wait();
}

void Doorbell::wait() {
  watch_.wait(FdWatch::Event::kReadable, [this] {
    static_cast<void>(kick_.drain());
    wait();
    if (!call_posted_) {
      on_kick_();  // the last act: it may end this object
    }
  });
}

void Doorbell::call_again() {
  if (!call_posted_.exchange(true)) {
    watch_.post([this] {
      call_posted_ = false;
      on_kick_();
    });
  }
}

}  // namespace bothy::virtio
