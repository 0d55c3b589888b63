// Executor: an Asio io_context with one thread that runs it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <semaphore>
#include <string>
#include <thread>

#include "base/result.h"

namespace bothy {

// Neither copied nor moved: handlers hold references into it. start() and stop() are the owner's;
// the context may be posted to from any thread. The thread takes no signal but wake_signal().
class Executor {
 public:
  // `name` is the thread's, at most 15 characters.
  explicit Executor(std::string name) : name_(std::move(name)) {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  ~Executor() { stop(); }

  [[nodiscard]] Result<void> start();
  // Ends the loop once the handler that runs has returned, interrupting a system call that it is
  // blocked in, and joins the thread. Handlers still queued are dropped. Harmless when not started.
  void stop() noexcept;

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

 private:
  const std::string name_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::binary_semaphore ended_{0};
  std::thread thread_;
};

}  // namespace bothy
