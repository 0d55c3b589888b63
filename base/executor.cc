#include "base/executor.h"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

#include "base/signals.h"

namespace bothy {

namespace {

constexpr std::chrono::milliseconds kWakeInterval{10};

}  // namespace

Result<void> Executor::start() {
  BOTHY_TRY(install_wake_handler());
  // Asio opens its epoll instance and timer with the first object that needs them, which may be
  // made when the thread may open nothing any more.
  const boost::asio::steady_timer opens_reactor(context_);
  try {
    thread_ = std::thread([this] {
      block_signals_in_worker();
      ::pthread_setname_np(::pthread_self(), name_.c_str());
      context_.run();
      const std::lock_guard lock(mutex_);
      has_ended_ = true;
      ended_.notify_all();
    });
  } catch (const std::system_error& error) {
    return errno_error("can't start the " + name_ + " thread", error.code().value());
  }
  return success();
}

void Executor::confine() {
  if (thread_.joinable()) {
    boost::asio::post(context_, [role = role_] { enter_role(role); });
  }
}

void Executor::stop() noexcept {
  if (!thread_.joinable()) {
    return;
  }
  context_.stop();
  // The handler may be blocked, or about to block, in a write to a terminal that nobody reads.
  {
    std::unique_lock lock(mutex_);
    do {
      ::pthread_kill(thread_.native_handle(), wake_signal());
    } while (!ended_.wait_for(lock, kWakeInterval, [this] { return has_ended_; }));
    has_ended_ = false;
  }
  thread_.join();
}

}  // namespace bothy
