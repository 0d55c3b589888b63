#include "devices/host/disk/io_engine.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "devices/host/disk/thread_engine.h"
#include "devices/host/disk/uring_engine.h"

namespace bothy {
namespace {

std::int64_t transfer(const IoTarget& target, const IoOperation& operation) noexcept {
  const auto count = static_cast<int>(operation.buffers.size());
  const auto offset = static_cast<off_t>(operation.offset);
  return operation.kind == IoOperation::Kind::kRead
             ? ::preadv(target.fd, operation.buffers.data(), count, offset)
             : ::pwritev2(target.fd, operation.buffers.data(), count, offset,
                          operation.durable ? RWF_DSYNC : 0);
}

std::int64_t perform_once(const IoTarget& target, const IoOperation& operation) noexcept {
  switch (operation.kind) {
    case IoOperation::Kind::kRead:
    case IoOperation::Kind::kWrite:
      return transfer(target, operation);
    case IoOperation::Kind::kFlush:
      return ::fdatasync(target.fd);
    case IoOperation::Kind::kDiscard:
      if (target.block_device) {
        std::array<std::uint64_t, 2> range{operation.offset, operation.length};
        return ::ioctl(target.fd, BLKDISCARD, range.data());
      }
      [[fallthrough]];
    default:
      return ::fallocate(target.fd, fallocate_mode(operation.kind),
                         static_cast<off_t>(operation.offset),
                         static_cast<off_t>(operation.length));
  }
}

}  // namespace

std::int64_t perform_io(const IoTarget& target, const IoOperation& operation) noexcept {
  for (;;) {
    const std::int64_t result = perform_once(target, operation);
    if (result >= 0 || errno != EINTR) {
      return result >= 0 ? result : -std::int64_t{errno};
    }
  }
}

int fallocate_mode(IoOperation::Kind kind) noexcept {
  return FALLOC_FL_KEEP_SIZE |
         (kind == IoOperation::Kind::kZero ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
}

IoEngineKind choose_io_engine(std::string& why) {
  const auto usable = UringEngine::probe();
  if (usable) {
    return IoEngineKind::kUring;
  }
  why = usable.error().context;
  return IoEngineKind::kThreads;
}

Result<std::unique_ptr<IoEngine>> make_io_engine(IoEngineKind kind, const IoTarget& target,
                                                 const IoEngine::Wakeups& wakeups, unsigned depth) {
  if (kind == IoEngineKind::kUring) {
    return UringEngine::create(target, wakeups, depth);
  }
  return ThreadEngine::create(target, wakeups);
}

}  // namespace bothy
