#include "devices/virtio/net/receiver.h"

#include <algorithm>
#include <cstring>

#include "devices/virtio/net/layout.h"

namespace bothy::virtio {
namespace {

// Packets between two looks at what else there is to do.
constexpr int kBatch = 64;
// What one system call takes, less one for the spill.
constexpr std::size_t kMostBuffers = Queue::kMaxBuffers - 1;
// Buffers used up that lie before the first in use, before they are cleared away.
constexpr std::size_t kMostUsed = 4096;
constexpr std::size_t kFirstChains = 32;
// More than any packet, so that a larger one shows.
constexpr std::size_t kSpill = PacketPort::kMostBytes + 1;

}  // namespace

NetReceiver::NetReceiver(std::unique_ptr<Queue> queue, bool mergeable, std::size_t expected,
                         TrafficLimit& limit, TrafficCounters& counters)
    : queue_(std::move(queue)),
      mergeable_(mergeable),
      expected_(expected),
      limit_(limit),
      counters_(counters),
      posted_(kFirstChains),
      spill_(std::make_unique_for_overwrite<std::byte[]>(kSpill)) {
  buffers_.push_back({spill_.get(), kSpill});
}

QueueState NetReceiver::stop() noexcept {
  // Where a broken queue stands nobody knows: it takes nothing back.
  while (!posted_.empty() && !queue_->broken()) {
    queue_->unpop(std::move(posted_.back().chain));
    posted_.pop_back();
  }
  return queue_->state();
}

Progress NetReceiver::run(PacketPort& port, Clock::time_point now) noexcept {
  queue_->disable_kicks();
  for (int left = kBatch; left > 0; --left) {
    const Progress progress = receive_one(port, now);
    if (progress.state != Progress::State::kMore) {
      return progress;
    }
  }
  return {Progress::State::kMore};
}

Progress NetReceiver::receive_one(PacketPort& port, Clock::time_point now) noexcept {
  if (size_ != 0 && !deliver(now)) {
    return wait_for_buffers();
  }
  // A packet's size is known too late to ask before it: the next one waits for it instead.
  if (unpaid_ != 0) {
    if (const auto until = limit_.take(unpaid_, now)) {
      return {Progress::State::kLimited, *until};
    }
    unpaid_ = 0;
  }
  post(expected_);
  if (!fault_.empty()) {
    return {Progress::State::kFault};
  }
  if (posted_.empty()) {
    return wait_for_buffers();
  }
  const ReceivedPacket packet = receive_into_room(port);
  switch (packet.outcome) {
    case PacketOutcome::kAgain:
      return {Progress::State::kIdle};
    case PacketOutcome::kGone:
      return {Progress::State::kGone};
    case PacketOutcome::kDropped:
      counters_.count_dropped();
      return {Progress::State::kMore};
    case PacketOutcome::kDone:
      break;
  }
  size_ = packet.size;
  unpaid_ = size_ - PacketPort::kHeader;
  return deliver(now) ? Progress{Progress::State::kMore} : wait_for_buffers();
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
  // virtio 1.2, 5.1.6.3.1.
  if (capacity < PacketPort::kHeader) {
    fault_ = "a receive buffer has no room for a packet's header";
    queue_->unpop(std::move(chain));  // in its turn: stop() gives back those before it
    return;
  }
  if (first_ > kMostUsed) {
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

ReceivedPacket NetReceiver::receive_into_room(PacketPort& port) noexcept {
  const std::size_t posted = mergeable_ ? buffers_.size() - 1 - first_ : posted_.front().buffers;
  const std::size_t count = std::min(posted, kMostBuffers);
  const std::span<iovec> room = std::span(buffers_).subspan(first_, count + 1);
  // The spill comes next, for the time of the call. It is the last of all buffers anyway.
  const iovec next = std::exchange(room.back(), buffers_.back());
  const ReceivedPacket packet = port.receive(room);
  room.back() = next;
  placed_ = std::min(packet.size, total_bytes(room.first(count)));
  return packet;
}

bool NetReceiver::deliver(Clock::time_point now) noexcept {
  if (mergeable_) {
    post(size_);
  }
  const std::size_t capacity = mergeable_ ? capacity_ : posted_.front().capacity;
  if (size_ <= capacity) {
    store(placed_, std::span(spill_.get(), size_ - placed_));
    complete();
    finish_packet();
    return true;
  }
  if (!deadline_) {
    deadline_ = now + kPatience;
  }
  // A packet that has to fit into one buffer doesn't get another that is larger.
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

Progress NetReceiver::wait_for_buffers() noexcept {
  if (!fault_.empty()) {
    return {Progress::State::kFault};
  }
  if (queue_->enable_kicks()) {
    return {Progress::State::kMore};
  }
  return {Progress::State::kNoRoom, deadline_};
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
