#include "oci/relay.h"

#include <unistd.h>

#include <cerrno>

namespace bothy::oci {

void Relay::read_some() noexcept {
  const ssize_t count = ::read(from_, buffer_.data() + end_, buffer_.size() - end_);
  if (count > 0) {
    end_ += static_cast<std::size_t>(count);
  } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
    ended_ = true;
  }
}

void Relay::write_some() noexcept {
  const ssize_t count = ::write(to_, buffer_.data() + start_, end_ - start_);
  if (count >= 0) {
    start_ += static_cast<std::size_t>(count);
  } else if (errno != EINTR && errno != EAGAIN) {
    ended_ = true;
    start_ = end_;
  }
  if (start_ == end_) {
    start_ = end_ = 0;
  }
}

void Relay::turn(bool readable) noexcept {
  if (readable && wants_input()) {
    read_some();
  }
  if (wants_output()) {
    write_some();
  }
}

}  // namespace bothy::oci
