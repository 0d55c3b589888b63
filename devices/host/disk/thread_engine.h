// ThreadEngine: an IoEngine of a few threads, for hosts that refuse io_uring.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "devices/host/disk/io_engine.h"

namespace bothy {

// Threads that do one operation at a time each.
class IoThreads {
 public:
  [[nodiscard]] static Result<std::unique_ptr<IoThreads>> create(const IoTarget& target,
                                                                 unsigned threads);
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;
  // Waits for what is under way.
  ~IoThreads();

  void submit(IoOperation& operation) noexcept;
  // Appends what is done since the last call.
  void take(std::vector<IoOperation*>& done) noexcept;
  // Signalled when something is done.
  [[nodiscard]] const EventFd& bell() const noexcept { return bell_; }

 private:
  IoThreads(const IoTarget& target, EventFd bell) noexcept
      : target_(target), bell_(std::move(bell)) {}

  void run() noexcept;

  const IoTarget target_;
  const EventFd bell_;
  std::mutex mutex_;  // guards all below but threads_
  std::condition_variable work_;
  IoOperation* first_ = nullptr;  // linked by next
  IoOperation* last_ = nullptr;
  IoOperation* done_ = nullptr;  // linked by next, the latest first
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

class ThreadEngine final : public IoEngine {
 public:
  [[nodiscard]] static Result<std::unique_ptr<IoEngine>> create(const IoTarget& target,
                                                                const Bells& bells);

  void submit(IoOperation& operation) noexcept override { threads_->submit(operation); }
  Rung wait(std::vector<IoOperation*>& done,
            std::optional<Clock::time_point> until) noexcept override;

 private:
  ThreadEngine(std::unique_ptr<IoThreads> threads, const Bells& bells) noexcept
      : threads_(std::move(threads)), bells_(bells) {}

  const std::unique_ptr<IoThreads> threads_;
  const Bells bells_;
  bool stopping_ = false;  // the bell, which goes on ringing, was heard
};

}  // namespace bothy
