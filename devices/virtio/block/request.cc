#include "devices/virtio/block/request.h"

#include <linux/virtio_blk.h>

#include <utility>

namespace bothy::virtio {
namespace {

// A longer list is freed with its request.
constexpr std::size_t kMaxKeptBuffers = 64;

constexpr bool writes_data(std::uint32_t type) noexcept {
  return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

}  // namespace

bool BlockRequest::take(Chain chain) {
  chain_.emplace(std::move(chain));
  type_.reset();
  device_writes_ = false;
  data_ = {};
  remaining_ = 0;
  moved_ = 0;
  zeros_left = 0;
  range_left = 0;
  tries = 0;
  const auto writable = chain_->writable();
  if (writable.empty()) {
    chain_.reset();
    return false;
  }
  status_ = static_cast<std::byte*>(writable.back().iov_base) + writable.back().iov_len - 1;
  const auto header = chain_->reader().read<virtio_blk_outhdr>();
  if (!header) {
    return true;
  }
  type_ = header->type;
  sector_ = header->sector;
  device_writes_ = writes_data(header->type);
  if (device_writes_) {
    set_data(writable, 0, sizeof(BlockStatus));
  } else {
    set_data(chain_->readable(), sizeof(virtio_blk_outhdr), 0);
  }
  return true;
}

void BlockRequest::set_data(std::span<const iovec> whole, std::uint64_t front, std::uint64_t back) {
  remaining_ = total_bytes(whole) - front - back;
  while (front != 0 && front >= whole.front().iov_len) {
    front -= whole.front().iov_len;
    whole = whole.subspan(1);
  }
  while (back != 0 && back >= whole.back().iov_len) {
    back -= whole.back().iov_len;
    whole = whole.first(whole.size() - 1);
  }
  data_ = whole;
  if (front == 0 && back == 0) {
    return;
  }
  own_buffers_.assign(whole.begin(), whole.end());
  own_buffers_.back().iov_len -= back;
  own_buffers_.front().iov_base = static_cast<std::byte*>(own_buffers_.front().iov_base) + front;
  own_buffers_.front().iov_len -= front;
  data_ = own_buffers_;
}

void BlockRequest::advance(std::uint64_t bytes) {
  moved_ += bytes;
  remaining_ -= bytes;
  if (remaining_ == 0) {
    data_ = {};
    return;
  }
  own_buffers_ = std::vector<iovec>(data_.begin(), data_.end());
  std::span<iovec> rest(own_buffers_);
  while (bytes >= rest.front().iov_len) {
    bytes -= rest.front().iov_len;
    rest = rest.subspan(1);
  }
  rest.front().iov_base = static_cast<std::byte*>(rest.front().iov_base) + bytes;
  rest.front().iov_len -= bytes;
  data_ = rest;
}

void BlockRequest::complete(BlockStatus status) noexcept {
  *status_ = static_cast<std::byte>(status);
  // The used length counts bytes written from the first writable byte on, without a gap (2.7.8.2).
  std::uint64_t written = device_writes_ ? moved_ : 0;
  if (written + sizeof(BlockStatus) == total_bytes(chain_->writable())) {
    written += sizeof(BlockStatus);
  }
  chain_->complete(static_cast<std::uint32_t>(written));
  chain_.reset();
  if (own_buffers_.capacity() > kMaxKeptBuffers) {
    own_buffers_ = std::vector<iovec>();
  }
}

}  // namespace bothy::virtio
