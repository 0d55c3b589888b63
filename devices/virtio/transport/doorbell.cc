#include "devices/virtio/transport/doorbell.h"

#include <utility>

namespace bothy::virtio {

Doorbell::Doorbell(boost::asio::io_context& executor, const EventFd& kick,
                   std::function<void()> on_kick)
    : kick_(kick), on_kick_(std::move(on_kick)), descriptor_(executor, kick.fd()) {
  wait();
}

Doorbell::~Doorbell() {
  *alive_ = false;
  static_cast<void>(descriptor_.release());  // owned by the transport
}

void Doorbell::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this, alive = alive_](const boost::system::error_code& error) {
                           if (!*alive || error) {
                             return;
                           }
                           static_cast<void>(kick_.drain());
                           wait();
                           on_kick_();  // the last act: it may end this object
                         });
}

}  // namespace bothy::virtio
