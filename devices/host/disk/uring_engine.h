// UringEngine: an IoEngine over io_uring.
#pragma once

#include <liburing.h>

#include <memory>
#include <vector>

#include "devices/host/disk/io_engine.h"
#include "devices/host/disk/thread_engine.h"

namespace bothy {

// One system call submits all operations, and waits. The ring polls the eventfds of the wakeups;
// they are never read, since multishot poll reports each signal.
//
// A single read from a cached disk is tried without the ring first: at a queue depth of one,
// io_uring costs more than it saves.
//
// Guest memory is not registered with the ring: that would pin all of it. The ring itself can do
// nothing else (disk_ring.h).
class UringEngine final : public IoEngine {
 public:
  // kUnsupported, with the reason, when this host lacks what create() needs.
  [[nodiscard]] static Result<void> probe();

  [[nodiscard]] static Result<std::unique_ptr<IoEngine>> create(const IoTarget& target,
                                                                const Wakeups& wakeups,
                                                                unsigned depth);
  ~UringEngine() override;

  void restart() noexcept override {}
  void submit(IoOperation& operation) noexcept override;
  WakeReason wait(std::vector<IoOperation*>& done,
                  std::optional<Clock::time_point> until) noexcept override;

 private:
  UringEngine(const IoTarget& target, const EventFd& stop) noexcept
      : target_(target), stop_(stop), tries_(target.cached) {}

  [[nodiscard]] io_uring_sqe& entry() noexcept;
  void watch(int event) noexcept;
  void prepare(io_uring_sqe& sqe, const IoOperation& operation) noexcept;
  void pass_on(IoOperation& operation) noexcept;
  [[nodiscard]] bool read_at_once(IoOperation& operation) noexcept;
  void enter(std::optional<Clock::time_point> until) noexcept;
  void reap(const io_uring_cqe& cqe, std::vector<IoOperation*>& done, WakeReason& reason) noexcept;

  const IoTarget target_;
  const EventFd& stop_;
  io_uring ring_{};
  bool open_ = false;
  IoOperation* lone_ = nullptr;  // the only read submitted so far
  unsigned in_ring_ = 0;         // operations
  unsigned at_once_ = 0;         // reads without the ring since the last enter()
  bool tries_;  // whether to read without the ring: the disk is cached, and the file system
                // supports RWF_NOWAIT
  std::unique_ptr<IoThreads> helper_;  // for operations that io_uring lacks; null: there are none
};

}  // namespace bothy
