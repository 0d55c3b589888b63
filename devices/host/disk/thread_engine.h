// ThreadEngine: an IoEngine of a few threads, for hosts without io_uring.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "devices/host/disk/io_engine.h"

namespace bothy {

// Threads, each of which performs one operation at a time.
class IoThreads {
 public:
  [[nodiscard]] static Result<std::unique_ptr<IoThreads>> create(const IoTarget& target,
                                                                 unsigned threads,
                                                                 EventFd completed);
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;
  // Waits for operations in flight.
  ~IoThreads();

  void submit(IoOperation& operation) noexcept;
  // Appends the operations completed since the last call.
  void take(std::vector<IoOperation*>& done) noexcept;
  // Signalled when an operation is done.
  [[nodiscard]] const EventFd& completed() const noexcept { return completed_; }

 private:
  IoThreads(const IoTarget& target, EventFd completed) noexcept
      : target_(target), completed_(std::move(completed)) {}

  void run() noexcept;

  const IoTarget target_;
  const EventFd completed_;
  std::mutex mutex_;  // guards the members below, except threads_
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
                                                                const Wakeups& wakeups);

  void restart() noexcept override { stopping_ = false; }
  void submit(IoOperation& operation) noexcept override { threads_->submit(operation); }
  WakeReason wait(std::vector<IoOperation*>& done,
                  std::optional<Clock::time_point> until) noexcept override;

 private:
  ThreadEngine(std::unique_ptr<IoThreads> threads, const Wakeups& wakeups) noexcept
      : threads_(std::move(threads)), wakeups_(wakeups) {}

  const std::unique_ptr<IoThreads> threads_;
  const Wakeups wakeups_;
  bool stopping_ = false;  // wakeups_.stop, which stays signalled, has been reported
};

}  // namespace bothy
