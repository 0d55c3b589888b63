#include "devices/virtio/block/request.h"

#include <linux/virtio_blk.h>

#include <utility>

namespace bothy::virtio {
namespace {

// A list longer than that is not kept for the next request.
constexpr std::size_t kKeptBuffers = 64;

constexpr bool answers_with_data(std::uint32_t type) noexcept {
  return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

}  // namespace

bool BlockRequest::take(Chain chain) {
  chain_.emplace(std::move(chain));
  type_.reset();
  device_writes_ = false;
  data_ = {};
  left_ = 0;
  moved_ = 0;
  fill_left = 0;
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
  device_writes_ = answers_with_data(header->type);
  if (device_writes_) {
    cut(writable, 0, sizeof(BlockStatus));
  } else {
    cut(chain_->readable(), sizeof(virtio_blk_outhdr), 0);
  }
  return true;
}

void BlockRequest::cut(std::span<const iovec> whole, std::uint64_t front, std::uint64_t back) {
  left_ = total_bytes(whole) - front - back;
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
  own_.assign(whole.begin(), whole.end());
  own_.back().iov_len -= back;
  own_.front().iov_base = static_cast<std::byte*>(own_.front().iov_base) + front;
  own_.front().iov_len -= front;
  data_ = own_;
}

void BlockRequest::advance(std::uint64_t bytes) {
  moved_ += bytes;
  left_ -= bytes;
  if (left_ == 0) {
    data_ = {};
    return;
  }
  own_ = std::vector<iovec>(data_.begin(), data_.end());
  std::span<iovec> rest(own_);
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
  // What counts is written from the first writable byte on, without a gap (2.7.8.2).
  std::uint64_t written = device_writes_ ? moved_ : 0;
  if (written + sizeof(BlockStatus) == total_bytes(chain_->writable())) {
    written += sizeof(BlockStatus);
  }
  chain_->complete(static_cast<std::uint32_t>(written));
  chain_.reset();
  if (own_.capacity() > kKeptBuffers) {
    own_ = std::vector<iovec>();
  }
}

}  // namespace bothy::virtio
