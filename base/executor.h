// Executor: an Asio io_context with one thread that runs it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/thread_role.h"

namespace bothy {

// Neither copied nor moved: handlers hold references into it. start() and stop() are for the
// owner's thread; any thread may post to the context. The executor's thread blocks every signal but
// wake_signal().
class Executor {
 public:
  // `name` becomes the thread's name: at most 15 characters.
  explicit Executor(std::string name, ThreadRole role = ThreadRole::kDevices)
      : name_(std::move(name)), role_(role) {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  ~Executor() { stop(); }

  [[nodiscard]] Result<void> start();
  // The thread enters its role (base/thread_role.h) before any handler that is posted from now on,
  // in whichever way. Does nothing when not started.
  void confine();
  // Ends the loop after the running handler, interrupting a system call that blocks it, and joins
  // the thread. Queued handlers are dropped. Does nothing when not started.
  void stop() noexcept;

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

 private:
  const std::string name_;
  const ThreadRole role_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::mutex mutex_;  // guards has_ended_
  std::condition_variable ended_;
  bool has_ended_ = false;
  std::thread thread_;
};

}  // namespace bothy
