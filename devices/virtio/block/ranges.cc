// BlockQueue: the requests DISCARD and WRITE_ZEROES (virtio 1.2, 5.2.6).
#include <linux/virtio_blk.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "devices/virtio/block/block_queue.h"

namespace bothy::virtio {
namespace {

constexpr std::uint64_t kSector = DiskFile::kSector;
constexpr std::uint64_t kRangeSize = sizeof(virtio_blk_discard_write_zeroes);
// Some hosts write zeros for a range, and stop() waits for operations in flight: bytes of one.
constexpr std::uint64_t kMaxZeroBytes = 16U << 20U;

// The source of zeros where the host can't zero ranges. Never written, so that it takes no memory.
constexpr std::size_t kZerosSize = 64U << 10U;
alignas(4096) std::array<std::byte, kZerosSize> zeros;
const std::vector<iovec> kZeroBuffers(16, iovec{zeros.data(), zeros.size()});

}  // namespace

void BlockQueue::begin_ranges(BlockRequest& request, IoOperation::Kind kind) {
  const bool zeroes = kind == IoOperation::Kind::kZero;
  if (zeroes ? disk_.config.read_only : !disk_.discards()) {
    return finish(request, BlockStatus::kUnsupported);  // the feature is not offered
  }
  const std::uint64_t segments = request.remaining() / kRangeSize;
  if (request.remaining() % kRangeSize != 0 || segments == 0 ||
      segments > BlockDisk::kMaxSegments) {
    return finish(request, BlockStatus::kIoError);
  }
  next_range(request);
}

void BlockQueue::next_segment(BlockRequest& request) {
  const bool zeroes = request.type() == VIRTIO_BLK_T_WRITE_ZEROES;
  while (request.remaining() != 0) {
    const auto segment = *Reader(request.data()).read<virtio_blk_discard_write_zeroes>();
    request.advance(sizeof(segment));
    // 5.2.6.2: unknown flags, and UNMAP on a discard.
    if ((segment.flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0U)) != 0) {
      return finish(request, BlockStatus::kUnsupported);
    }
    const std::uint64_t length = segment.num_sectors * kSector;
    if (segment.num_sectors > BlockDisk::kMaxSegmentSectors || !on_disk(segment.sector, length)) {
      return finish(request, BlockStatus::kIoError);
    }
    if (length == 0) {
      continue;
    }
    request.kind = !zeroes              ? IoOperation::Kind::kDiscard
                   : segment.flags != 0 ? IoOperation::Kind::kZeroUnmap
                                        : IoOperation::Kind::kZero;
    request.range_offset = segment.sector * kSector;
    request.range_left = length;
    return next_range(request);
  }
  if (disk_.write_through.load(std::memory_order_relaxed)) {
    return flush(request);
  }
  finish(request, BlockStatus::kOk);
}

void BlockQueue::next_range(BlockRequest& request) {
  if (request.range_left == 0) {
    return next_segment(request);
  }
  const bool discards = request.kind == IoOperation::Kind::kDiscard;
  request.offset = request.range_offset;
  request.length = discards ? request.range_left : std::min(request.range_left, kMaxZeroBytes);
  request.range_offset += request.length;
  request.range_left -= request.length;
  if (!discards && !disk_.limiter.unlimited()) {
    const std::lock_guard lock(disk_.limiter_mutex);
    disk_.limiter.charge(request.length);
  }
  if (request.kind == IoOperation::Kind::kWrite) {  // the host couldn't zero the range before
    request.zeros_left = request.length;
    return fill(request);
  }
  submit(request);
}

void BlockQueue::on_range_complete(BlockRequest& request) {
  if (request.result == 0) {
    return next_range(request);
  }
  if (request.result != -EOPNOTSUPP) {
    return fail(request);
  }
  switch (request.kind) {
    case IoOperation::Kind::kDiscard:
      return finish(request, BlockStatus::kUnsupported);
    case IoOperation::Kind::kZeroUnmap:
      request.kind = IoOperation::Kind::kZero;
      return submit(request);
    default:
      request.kind = IoOperation::Kind::kWrite;
      request.durable = false;
      request.zeros_left = request.length;
      return fill(request);
  }
}

void BlockQueue::fill(BlockRequest& request) {
  if (request.zeros_left < kZerosSize) {
    request.own_buffer = {zeros.data(), static_cast<std::size_t>(request.zeros_left)};
    request.buffers = std::span(&request.own_buffer, 1);
  } else {
    const auto count =
        std::min<std::uint64_t>(request.zeros_left / kZerosSize, kZeroBuffers.size());
    request.buffers = std::span(kZeroBuffers).first(static_cast<std::size_t>(count));
  }
  submit(request);
}

void BlockQueue::on_fill_complete(BlockRequest& request) {
  if (request.result <= 0) {
    return fail(request);
  }
  const auto length = static_cast<std::uint64_t>(request.result);
  request.offset += length;
  request.zeros_left -= length;
  return request.zeros_left != 0 ? fill(request) : next_range(request);
}

}  // namespace bothy::virtio
