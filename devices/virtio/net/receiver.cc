#include "devices/virtio/net/receiver.h"

#include <algorithm>
#include <cstring>

#include "devices/virtio/net/layout.h"

namespace bothy::virtio {
namespace {

// Packets of one turn.
constexpr int kBatch = 64;
// The limit of one system call, less one for the overflow buffer.
constexpr std::size_t kMaxBuffers = Queue::kMaxBuffers - 1;
// How many completed entries of buffers_ are kept before they are erased together.
constexpr std::size_t kMaxStaleBuffers = 4096;
constexpr std::size_t kInitialChains = 32;
// One byte more than any packet, so that a larger one is noticed.
constexpr std::size_t kOverflowSize = PacketPort::kMaxBytes + 1;

}  // namespace

NetReceiver::NetReceiver(std::unique_ptr<Queue> queue, bool mergeable, std::size_t expected,
                         NetRateLimit& limit, NetCounters& counters)
    : queue_(std::move(queue)),
      mergeable_(mergeable),
      expected_(expected),
      limit_(limit),
      counters_(counters),
      posted_(kInitialChains),
      overflow_(std::make_unique_for_overwrite<std::byte[]>(kOverflowSize)) {
  buffers_.push_back({overflow_.get(), kOverflowSize});
}

QueueState NetReceiver::stop() noexcept {
  // A broken queue has no valid state, and takes no chain back.
  while (!posted_.empty() && !queue_->broken()) {
    queue_->unpop(std::move(posted_.back().chain));
    posted_.pop_back();
  }
  return queue_->state();
}

NetProgress NetReceiver::run(PacketPort& port, Clock::time_point now) noexcept {
  queue_->disable_kicks();
  for (int left = kBatch; left > 0; --left) {
    const NetProgress progress = receive_one(port, now);
    if (progress.state != NetProgress::State::kMore) {
      return progress;
    }
  }
  return {NetProgress::State::kMore};
}

NetProgress NetReceiver::receive_one(PacketPort& port, Clock::time_point now) noexcept {
  if (size_ != 0 && !deliver(now)) {
    return wait_for_buffers();
  }
  // The size of a packet is known only after it, so the rate limit delays the next packet.
  if (uncharged_ != 0) {
    if (const auto until = limit_.take(uncharged_, now)) {
      return {NetProgress::State::kLimited, *until};
    }
    uncharged_ = 0;
  }
  post(expected_);
  if (!fault_.empty()) {
    return {NetProgress::State::kFault};
  }
  if (posted_.empty()) {
    return wait_for_buffers();
  }
  const ReceivedPacket packet = receive_into_buffers(port);
  switch (packet.outcome) {
    case PacketOutcome::kAgain:
      return {NetProgress::State::kIdle};
    case PacketOutcome::kGone:
      return {NetProgress::State::kDisconnected};
    case PacketOutcome::kDropped:
      counters_.count_dropped();
      return {NetProgress::State::kMore};
    case PacketOutcome::kDone:
      break;
  }
  size_ = packet.size;
  uncharged_ = size_ - PacketPort::kHeader;
  return deliver(now) ? NetProgress{NetProgress::State::kMore} : wait_for_buffers();
}

void NetReceiver::post(std::size_t wanted) noexcept {
  while (capacity_ < wanted && fault_.empty()) {
    auto chain = queue_->pop();
    if (!chain) {
      fault_ = queue_->why_broken();
      return;
    }
    post_one(std::move(*chain));
  }
}

void NetReceiver::post_one(Chain chain) noexcept {
  const auto writable = chain.writable();
  const std::size_t capacity = total_bytes(writable);
  // 5.1.6.3.1
  if (capacity < PacketPort::kHeader) {
    fault_ = "a receive buffer is too small for a packet's header";
    queue_->unpop(std::move(chain));  // before stop() returns the earlier ones
    return;
  }
  if (first_ > kMaxStaleBuffers) {
    buffers_.erase(buffers_.begin(), buffers_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  buffers_.insert(buffers_.end() - 1, writable.begin(), writable.end());
  capacity_ += capacity;
  if (posted_.full()) {
    posted_.set_capacity(2 * posted_.capacity());
  }
  const std::size_t count = writable.size();
  posted_.push_back({std::move(chain), count, capacity});
}

ReceivedPacket NetReceiver::receive_into_buffers(PacketPort& port) noexcept {
  const std::size_t posted = mergeable_ ? buffers_.size() - 1 - first_ : posted_.front().buffers;
  const std::size_t count = std::min(posted, kMaxBuffers);
  const std::span<iovec> buffers = std::span(buffers_).subspan(first_, count + 1);
  // During the call the overflow buffer follows the last posted buffer used.
  const iovec next = std::exchange(buffers.back(), buffers_.back());
  const ReceivedPacket packet = port.receive(buffers);
  buffers.back() = next;
  placed_ = std::min(packet.size, total_bytes(buffers.first(count)));
  return packet;
}

bool NetReceiver::deliver(Clock::time_point now) noexcept {
  if (mergeable_) {
    post(size_);
  }
  const std::size_t capacity = mergeable_ ? capacity_ : posted_.front().capacity;
  if (size_ <= capacity) {
    store(placed_, std::span(overflow_.get(), size_ - placed_));
    complete();
    finish_packet();
    return true;
  }
  if (!deadline_) {
    deadline_ = now + kBufferTimeout;
  }
  // Without merging a packet must fit into the first chain: waiting doesn't help.
  if (!mergeable_ || now >= *deadline_) {
    counters_.count_dropped();
    finish_packet();
    return true;
  }
  return false;
}

void NetReceiver::complete() noexcept {
  counters_.count(size_ - PacketPort::kHeader);
  std::uint16_t chains = 0;
  for (std::size_t covered = 0; covered < size_; ++chains) {
    covered += posted_[chains].capacity;
  }
  store(kNetNumBuffersOffset, std::as_bytes(std::span(&chains, 1)));
  std::size_t left = size_;
  for (; chains > 0; --chains) {
    Posted& posted = posted_.front();
    const std::size_t written = std::min(left, posted.capacity);
    left -= written;
    first_ += posted.buffers;
    capacity_ -= posted.capacity;
    posted.chain.complete(static_cast<std::uint32_t>(written));
    posted_.pop_front();
  }
}

void NetReceiver::finish_packet() noexcept {
  size_ = 0;
  deadline_.reset();
}

NetProgress NetReceiver::wait_for_buffers() noexcept {
  if (!fault_.empty()) {
    return {NetProgress::State::kFault};
  }
  if (queue_->enable_kicks()) {
    return {NetProgress::State::kMore};
  }
  return {NetProgress::State::kNoRoom, deadline_};
}

void NetReceiver::store(std::size_t offset, std::span<const std::byte> bytes) noexcept {
  for (std::size_t i = first_; !bytes.empty(); ++i) {
    const std::size_t length = buffers_[i].iov_len;
    if (offset >= length) {
      offset -= length;
      continue;
    }
    const auto piece = bytes.first(std::min(bytes.size(), length - offset));
    std::memcpy(static_cast<std::byte*>(buffers_[i].iov_base) + offset, piece.data(), piece.size());
    bytes = bytes.subspan(piece.size());
    offset = 0;
  }
}

}  // namespace bothy::virtio
