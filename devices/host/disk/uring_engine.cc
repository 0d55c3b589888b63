#include "devices/host/disk/uring_engine.h"

#include <poll.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "devices/host/disk/disk_ring.h"

namespace bothy {
namespace {

// Indexes of the ring's files. Those of events are also the user_data of their polls' completions:
// operations have pointers.
constexpr int kFile = 0;
constexpr int kKick = 1;
constexpr int kStop = 2;
constexpr int kHelper = 3;
constexpr unsigned kWakeups = 3;

// Reads without the ring before wakeups are checked again.
constexpr unsigned kMaxReadsAtOnce = 64;

Error refused(int error) {
  if (error == ENOSYS) {
    return make_error(ErrorCode::kUnsupported, "io_uring of Linux 5.13 or later is not available");
  }
  if (error == EPERM || error == EACCES) {
    return make_error(ErrorCode::kUnsupported,
                      "io_uring is not permitted (kernel.io_uring_disabled or a seccomp filter)");
  }
  return errno_error("can't set up io_uring", error);
}

}  // namespace

Result<void> UringEngine::probe() {
  io_uring ring{};
  const std::array<int, 1> none{-1};
  const int error = open_disk_ring(1, none, ring);
  if (error != 0) {
    return refused(-error);
  }
  ::io_uring_queue_exit(&ring);
  return success();
}

Result<std::unique_ptr<IoEngine>> UringEngine::create(const IoTarget& target,
                                                      const Wakeups& wakeups, unsigned depth) {
  std::unique_ptr<UringEngine> engine(new UringEngine(target, wakeups.stop));
  // io_uring has had BLKDISCARD since Linux 6.12 only.
  if (target.block_device && target.writable) {
    BOTHY_TRY(EventFd completed, EventFd::create());
    BOTHY_TRY(engine->helper_, IoThreads::create(target, 1, std::move(completed)));
  }
  const std::array<int, 4> files{target.fd, wakeups.kick.fd(), wakeups.stop.fd(),
                                 engine->helper_ ? engine->helper_->completed().fd() : -1};
  const int error = open_disk_ring(depth + kWakeups, files, engine->ring_);
  if (error != 0) {
    return refused(-error);
  }
  engine->open_ = true;
  engine->watch(kKick);
  engine->watch(kStop);
  if (engine->helper_) {
    engine->watch(kHelper);
  }
  return std::unique_ptr<IoEngine>(std::move(engine));
}

UringEngine::~UringEngine() {
  if (open_) {
    ::io_uring_queue_exit(&ring_);
  }
}

io_uring_sqe& UringEngine::entry() noexcept {
  for (;;) {
    if (io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_); sqe != nullptr) {
      return *sqe;
    }
    static_cast<void>(::io_uring_submit(&ring_));  // the ring is full: make room
  }
}

void UringEngine::watch(int event) noexcept {
  io_uring_sqe& sqe = entry();
  ::io_uring_prep_poll_multishot(&sqe, event, POLLIN);
  sqe.flags |= IOSQE_FIXED_FILE;
  ::io_uring_sqe_set_data64(&sqe, static_cast<std::uint64_t>(event));
}

void UringEngine::submit(IoOperation& operation) noexcept {
  if (operation.kind == IoOperation::Kind::kDiscard && helper_) {
    return helper_->submit(operation);
  }
  if (lone_ != nullptr) {
    pass_on(*std::exchange(lone_, nullptr));
  } else if (in_ring_ == 0 && tries_ && operation.kind == IoOperation::Kind::kRead) {
    lone_ = &operation;
    return;
  }
  pass_on(operation);
}

void UringEngine::pass_on(IoOperation& operation) noexcept {
  io_uring_sqe& sqe = entry();
  prepare(sqe, operation);
  sqe.flags |= IOSQE_FIXED_FILE;
  ::io_uring_sqe_set_data(&sqe, &operation);
  ++in_ring_;
}

bool UringEngine::read_at_once(IoOperation& operation) noexcept {
  if (at_once_ == kMaxReadsAtOnce) {
    return false;
  }
  ++at_once_;
  const ssize_t count =
      ::preadv2(target_.fd, operation.buffers.data(), static_cast<int>(operation.buffers.size()),
                static_cast<off_t>(operation.offset), RWF_NOWAIT);
  tries_ = count >= 0 || (errno != EOPNOTSUPP && errno != EINVAL);
  operation.result = count;
  return count >= 0;
}

void UringEngine::prepare(io_uring_sqe& sqe, const IoOperation& operation) noexcept {
  const auto buffers = operation.buffers;
  const auto count = static_cast<unsigned>(buffers.size());
  switch (operation.kind) {
    case IoOperation::Kind::kRead:
      if (count == 1) {
        ::io_uring_prep_read(&sqe, kFile, buffers[0].iov_base,
                             static_cast<unsigned>(buffers[0].iov_len), operation.offset);
      } else {
        ::io_uring_prep_readv(&sqe, kFile, buffers.data(), count, operation.offset);
      }
      return;
    case IoOperation::Kind::kWrite:
      if (count == 1) {
        ::io_uring_prep_write(&sqe, kFile, buffers[0].iov_base,
                              static_cast<unsigned>(buffers[0].iov_len), operation.offset);
      } else {
        ::io_uring_prep_writev(&sqe, kFile, buffers.data(), count, operation.offset);
      }
      sqe.rw_flags = operation.durable ? RWF_DSYNC : 0;
      return;
    case IoOperation::Kind::kFlush:
      ::io_uring_prep_fsync(&sqe, kFile, IORING_FSYNC_DATASYNC);
      return;
    default:
      ::io_uring_prep_fallocate(&sqe, kFile, fallocate_mode(operation.kind),
                                static_cast<off_t>(operation.offset),
                                static_cast<off_t>(operation.length));
      return;
  }
}

void UringEngine::enter(std::optional<Clock::time_point> until) noexcept {
  at_once_ = 0;
  if (::io_uring_cq_ready(&ring_) != 0) {
    static_cast<void>(::io_uring_submit(&ring_));
    return;
  }
  if (!until) {
    static_cast<void>(::io_uring_submit_and_wait(&ring_, 1));
    return;
  }
  const auto left = *until == Clock::time_point{} ? Clock::duration::zero() : *until - Clock::now();
  if (left <= Clock::duration::zero()) {
    static_cast<void>(::io_uring_submit_and_get_events(&ring_));
    return;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  __kernel_timespec timeout{};
  timeout.tv_sec = seconds.count();
  timeout.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
  io_uring_cqe* cqe = nullptr;
  static_cast<void>(::io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &timeout, nullptr));
}

IoEngine::WakeReason UringEngine::wait(std::vector<IoOperation*>& done,
                                       std::optional<Clock::time_point> until) noexcept {
  if (lone_ != nullptr) {
    IoOperation& operation = *std::exchange(lone_, nullptr);
    if (read_at_once(operation)) {
      done.push_back(&operation);
      return {};
    }
    pass_on(operation);
  }
  enter(until);
  WakeReason reason;
  unsigned head = 0;
  unsigned seen = 0;
  io_uring_cqe* cqe = nullptr;
  io_uring_for_each_cqe(&ring_, head, cqe) {
    reap(*cqe, done, reason);
    ++seen;
  }
  ::io_uring_cq_advance(&ring_, seen);
  return reason;
}

void UringEngine::reap(const io_uring_cqe& cqe, std::vector<IoOperation*>& done,
                       WakeReason& reason) noexcept {
  if (cqe.user_data > kHelper) {
    auto& operation = *static_cast<IoOperation*>(::io_uring_cqe_get_data(&cqe));
    operation.result = cqe.res;
    done.push_back(&operation);
    --in_ring_;
    return;
  }
  const int event = static_cast<int>(cqe.user_data);
  if (event == kKick) {
    reason.kick = true;
  } else if (event == kStop) {
    // What is left of a run before is no request to end this one.
    pollfd state{stop_.fd(), POLLIN, 0};
    reason.stop = ::poll(&state, 1, 0) > 0;
  } else {
    static_cast<void>(helper_->completed().drain());
    helper_->take(done);
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
    watch(event);
  }
}

}  // namespace bothy
