// UringEngine: an IoEngine over io_uring.
#pragma once

#include <liburing.h>

#include <memory>
#include <vector>

#include "devices/host/disk/io_engine.h"
#include "devices/host/disk/thread_engine.h"

namespace bothy {

// One system call passes on all that was submitted, and waits. The ring watches the bells itself;
// they are never read, since each ring of theirs is an event of its own.
//
// A read that is alone, of what the host's page cache may have, is tried without the ring first: at
// a queue depth of one, io_uring costs more than it saves.
//
// Guest memory is not registered with the ring: that would pin all of it.
class UringEngine final : public IoEngine {
 public:
  // Whether this host has what create() needs: kUnsupported otherwise, with the reason.
  [[nodiscard]] static Result<void> probe();

  [[nodiscard]] static Result<std::unique_ptr<IoEngine>> create(const IoTarget& target,
                                                                const Bells& bells, unsigned depth);
  ~UringEngine() override;

  void submit(IoOperation& operation) noexcept override;
  Rung wait(std::vector<IoOperation*>& done,
            std::optional<Clock::time_point> until) noexcept override;

 private:
  UringEngine(const IoTarget& target, const Bells& bells) noexcept
      : target_(target), bells_(bells), tries_(target.cached) {}

  [[nodiscard]] io_uring_sqe& entry() noexcept;
  void watch(const EventFd& event, std::uint64_t tag) noexcept;
  void prepare(io_uring_sqe& sqe, const IoOperation& operation) noexcept;
  void pass_on(IoOperation& operation) noexcept;
  [[nodiscard]] bool read_at_once(IoOperation& operation) noexcept;
  void enter(std::optional<Clock::time_point> until) noexcept;
  void reap(const io_uring_cqe& cqe, std::vector<IoOperation*>& done, Rung& rung) noexcept;
  [[nodiscard]] bool submit_to_helper(IoOperation& operation) noexcept;

  const IoTarget target_;
  const Bells bells_;
  io_uring ring_{};
  bool open_ = false;
  IoOperation* lone_ = nullptr;  // a read that nothing else was submitted beside, yet
  unsigned in_ring_ = 0;         // operations
  unsigned at_once_ = 0;         // reads since bells were last heard
  bool tries_;                   // to read at once: the disk is cached, and the file system can
  std::unique_ptr<IoThreads> helper_;  // for what the ring can't do; made when first needed
};

}  // namespace bothy
