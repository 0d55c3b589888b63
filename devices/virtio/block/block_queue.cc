#include "devices/virtio/block/block_queue.h"

#include <linux/virtio_blk.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace bothy::virtio {
namespace {

constexpr std::uint64_t kSector = DiskFile::kSector;
constexpr std::size_t kAlignment = 4096;
constexpr std::size_t kBounceSize = 256U << 10U;
// Requests submitted at once where the host serves them within the call, from its page cache: the
// driver gets the first ones back while the others are served.
constexpr std::size_t kCachedBatch = 16;
// With direct I/O as many are submitted at once as are in flight, and at least this number: while
// the host prepares a longer batch, the disk would run idle.
constexpr std::size_t kMinDirectBatch = 6;
// Data of one operation: stop() waits for those in flight.
constexpr std::size_t kMaxTransferBytes = 4U << 20U;
// Tries of an operation that ends with EAGAIN.
constexpr unsigned kMaxTries = 10;

const char* verb(IoOperation::Kind kind) noexcept {
  switch (kind) {
    case IoOperation::Kind::kRead:
      return "read";
    case IoOperation::Kind::kWrite:
      return "write";
    case IoOperation::Kind::kFlush:
      return "flush";
    case IoOperation::Kind::kDiscard:
      return "discard";
    default:
      return "zero";
  }
}

}  // namespace

BlockQueue::BlockQueue(BlockDisk& disk, Queue& queue, std::uint16_t index, std::uint16_t size,
                       IoEngine& engine, DriverLink& link)
    : disk_(disk),
      queue_(queue),
      index_(index),
      size_(size),
      engine_(engine),
      link_(link),
      window_(has_single_cpu()) {}

bool BlockQueue::step() {
  const IoEngine::WakeReason reason = engine_.wait(done_, deadline());
  if (reason.stop && !stopping_) {
    if (throttled_ != nullptr) {
      begin(*std::exchange(throttled_, nullptr));
    }
    stopping_ = true;
  }
  // Before completions are published: the driver may be faster than this thread.
  queue_.disable_kicks();
  for (IoOperation* operation : done_) {
    on_io_complete(static_cast<BlockRequest&>(*operation));
  }
  published_ = !done_.empty();
  done_.clear();
  publish();
  if (stopping_) {
    drain();
  } else {
    take_requests();
  }
  publish();
  return !stopping_ || free_.size() != slots_.size();
}

void BlockQueue::drain() {
  poll_again_ = false;
  fail_bounce_queue(1);  // the first is in flight
}

void BlockQueue::fail_bounce_queue(std::size_t kept) noexcept {
  while (bounce_queue_.size() > kept) {
    bounce_queue_.back()->complete(BlockStatus::kIoError);
    free_.push_back(bounce_queue_.back());
    bounce_queue_.pop_back();
  }
}

std::optional<BlockQueue::Clock::time_point> BlockQueue::deadline() const noexcept {
  if (poll_again_) {
    return Clock::time_point{};
  }
  return throttled_ != nullptr ? std::optional(throttled_until_) : std::nullopt;
}

std::size_t BlockQueue::batch() const noexcept {
  if (!disk_.config.direct) {
    return kCachedBatch;
  }
  return std::max(kMinDirectBatch, slots_.size() - free_.size());
}

void BlockQueue::take_requests() {
  poll_again_ = false;
  if (throttled_ != nullptr) {
    if (!admit(*throttled_)) {
      return;
    }
    begin(*std::exchange(throttled_, nullptr));
  }
  for (std::size_t left = batch(); left > 0; --left) {
    if (free_.empty()) {
      if (slots_.size() == size_) {
        return;  // the next completion polls again
      }
      free_.push_back(slots_.emplace_back(std::make_unique<BlockRequest>()).get());
    }
    auto chain = next();
    if (!chain) {
      return wait_for_notification();
    }
    BlockRequest& request = *free_.back();
    if (!request.take(std::move(*chain))) {
      log_guest(disk_.log, "disk {}: dropped a request without a status byte", disk_.config.path);
      continue;
    }
    free_.pop_back();
    if (!admit(request)) {
      throttled_ = &request;
      return;  // deadline() has the time to go on
    }
    begin(request);
  }
  poll_again_ = true;
}

void BlockQueue::wait_for_notification() {
  if (queue_.broken()) {
    if (!std::exchange(reset_requested_, true)) {
      link_.park(queue_.why_broken());
    }
    return;
  }
  poll_again_ = queue_.enable_kicks();
}

std::optional<Chain> BlockQueue::next() {
  auto chain = queue_.pop();
  if (std::exchange(published_, false) && !chain && window_.opens()) {
    const auto end = Clock::now() + PollWindow::kLength;
    do {
      cpu_relax();
      chain = queue_.pop();
    } while (!chain && !queue_.broken() && Clock::now() < end);
    window_.ended(chain.has_value());
  }
  return chain;
}

bool BlockQueue::admit(const BlockRequest& request) {
  if (disk_.limiter.unlimited()) {
    return true;
  }
  const bool moves = request.type() == VIRTIO_BLK_T_IN || request.type() == VIRTIO_BLK_T_OUT;
  const std::lock_guard lock(disk_.limiter_mutex);
  const auto until = disk_.limiter.take(moves ? request.remaining() : 0, Clock::now());
  throttled_until_ = until.value_or(Clock::time_point{});
  return !until;
}

void BlockQueue::publish() noexcept {
  if (queue_.needs_signal()) {
    link_.signal_queue(index_);
  }
}

void BlockQueue::begin(BlockRequest& request) {
  if (!request.type()) {
    return finish(request, BlockStatus::kIoError);
  }
  switch (*request.type()) {
    case VIRTIO_BLK_T_IN:
      return begin_transfer(request, IoOperation::Kind::kRead);
    case VIRTIO_BLK_T_OUT:
      return begin_transfer(request, IoOperation::Kind::kWrite);
    case VIRTIO_BLK_T_FLUSH:
      return flush(request);
    case VIRTIO_BLK_T_GET_ID:
      return report_id(request);
    case VIRTIO_BLK_T_DISCARD:
      return begin_ranges(request, IoOperation::Kind::kDiscard);
    case VIRTIO_BLK_T_WRITE_ZEROES:
      return begin_ranges(request, IoOperation::Kind::kZero);
    default:
      return finish(request, BlockStatus::kUnsupported);
  }
}

bool BlockQueue::on_disk(std::uint64_t sector, std::uint64_t bytes) const noexcept {
  const std::uint64_t capacity = disk_.capacity.load(std::memory_order_relaxed);
  const std::uint64_t unit = std::max<std::uint64_t>(kSector, disk_.file.geometry().direct_block);
  return sector <= capacity && bytes / kSector <= capacity - sector && bytes % unit == 0 &&
         sector * kSector % unit == 0;
}

void BlockQueue::begin_transfer(BlockRequest& request, IoOperation::Kind kind) {
  request.kind = kind;
  const bool writes = kind == IoOperation::Kind::kWrite;
  if ((writes && disk_.config.read_only) || !on_disk(request.sector(), request.remaining())) {
    return finish(request, BlockStatus::kIoError);
  }
  if (request.remaining() == 0) {
    return finish(request, BlockStatus::kOk);
  }
  request.durable = writes && disk_.write_through.load(std::memory_order_relaxed);
  transfer(request);
}

void BlockQueue::submit(BlockRequest& request) {
  if (stopping_) {
    return finish(request, BlockStatus::kIoError);
  }
  engine_.submit(request);
}

void BlockQueue::transfer(BlockRequest& request) {
  request.offset = request.sector() * kSector + request.moved();
  // A request that has used the bounce buffer keeps using it: on_transfer_complete() can't tell its
  // operations apart.
  const bool bouncing = !bounce_queue_.empty() && bounce_queue_.front() == &request;
  if (bouncing || !is_aligned(request)) {
    if (bounce_queue_.empty() || bounce_queue_.front() != &request) {
      bounce_queue_.push_back(&request);
    }
    if (bounce_queue_.front() == &request) {
      bounce(request);
    }
    return;
  }
  request.buffers = first_buffers(request);
  submit(request);
}

std::span<const iovec> BlockQueue::first_buffers(BlockRequest& request) noexcept {
  const auto buffers = request.data();
  if (request.remaining() <= kMaxTransferBytes) {
    return buffers;
  }
  std::size_t count = 0;
  for (std::size_t bytes = buffers[0].iov_len; bytes <= kMaxTransferBytes; ++count) {
    bytes += buffers[count + 1].iov_len;  // exists: more bytes remain
  }
  if (count == 0) {
    request.own_buffer = {buffers[0].iov_base, kMaxTransferBytes};
    return {&request.own_buffer, 1};
  }
  return buffers.first(count);
}

bool BlockQueue::is_aligned(const BlockRequest& request) const noexcept {
  const DiskGeometry& geometry = disk_.file.geometry();
  if (geometry.direct_block == 1) {
    return true;
  }
  return std::ranges::all_of(request.data(), [&](const iovec& buffer) {
    return reinterpret_cast<std::uintptr_t>(buffer.iov_base) % geometry.direct_memory == 0 &&
           buffer.iov_len % geometry.direct_block == 0;
  });
}

void BlockQueue::bounce(BlockRequest& request) {
  if (!bounce_) {
    bounce_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, kBounceSize)));
  }
  const std::size_t length = std::min<std::uint64_t>(request.remaining(), kBounceSize);
  const std::span buffer(bounce_.get(), length);
  if (request.kind == IoOperation::Kind::kWrite) {
    static_cast<void>(Reader(request.data()).read_bytes(buffer));
  }
  request.own_buffer = {buffer.data(), buffer.size()};
  request.buffers = std::span(&request.own_buffer, 1);
  submit(request);
}

void BlockQueue::on_transfer_complete(BlockRequest& request) {
  if (request.result <= 0) {
    return fail(request);
  }
  const auto length = std::min(static_cast<std::uint64_t>(request.result), request.remaining());
  const bool bounced = !bounce_queue_.empty() && bounce_queue_.front() == &request;
  if (bounced && request.kind == IoOperation::Kind::kRead) {
    static_cast<void>(Writer(request.data()).write_bytes(std::span(bounce_.get(), length)));
  }
  request.advance(length);
  if (request.remaining() != 0) {
    return transfer(request);
  }
  finish(request, BlockStatus::kOk);
}

void BlockQueue::flush(BlockRequest& request) {
  if (disk_.config.cache == DiskCache::kUnsafe) {
    return finish(request, BlockStatus::kOk);
  }
  request.kind = IoOperation::Kind::kFlush;
  if (const int error = disk_.flush_error.load(std::memory_order_relaxed); error != 0) {
    request.result = -error;
    return fail(request);
  }
  submit(request);
}

void BlockQueue::on_flush_complete(BlockRequest& request) {
  if (request.result >= 0) {
    return finish(request, BlockStatus::kOk);
  }
  if (!disk_.config.direct) {
    disk_.flush_error.store(static_cast<int>(-request.result), std::memory_order_relaxed);
  }
  fail(request);
}

void BlockQueue::report_id(BlockRequest& request) {
  std::array<char, VIRTIO_BLK_ID_BYTES> id{};
  disk_.config.id.copy(id.data(), id.size());
  const std::size_t length = std::min<std::uint64_t>(request.remaining(), id.size());
  static_cast<void>(Writer(request.data()).write_bytes(std::as_bytes(std::span(id)).first(length)));
  request.advance(length);
  finish(request, BlockStatus::kOk);
}

void BlockQueue::on_io_complete(BlockRequest& request) {
  if (request.result == -EINTR || (request.result == -EAGAIN && ++request.tries < kMaxTries)) {
    return submit(request);
  }
  switch (request.kind) {
    case IoOperation::Kind::kRead:
    case IoOperation::Kind::kWrite:
      return request.zeros_left != 0 ? on_fill_complete(request) : on_transfer_complete(request);
    case IoOperation::Kind::kFlush:
      return on_flush_complete(request);
    default:
      return on_range_complete(request);
  }
}

void BlockQueue::fail(BlockRequest& request) {
  log_guest(disk_.log, "disk {}: can't {} at offset {}: {}", disk_.config.path, verb(request.kind),
            request.offset,
            request.result < 0 ? std::strerror(static_cast<int>(-request.result))
                               : "the file has become shorter");
  finish(request, BlockStatus::kIoError);
}

void BlockQueue::finish(BlockRequest& request, BlockStatus status) noexcept {
  request.complete(status);
  free_.push_back(&request);
  if (!bounce_queue_.empty() && bounce_queue_.front() == &request) {
    bounce_queue_.pop_front();
    if (stopping_) {
      fail_bounce_queue(0);
    } else if (!bounce_queue_.empty()) {
      bounce(*bounce_queue_.front());
    }
  }
}

}  // namespace bothy::virtio
