#include "base/executor.h"

#include <pthread.h>

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
  try {
    thread_ = std::thread([this] {
      block_signals_in_worker();
      ::pthread_setname_np(::pthread_self(), name_.c_str());
      context_.run();
      ended_.release();
    });
  } catch (const std::system_error& error) {
    return errno_error("can't start the " + name_ + " thread", error.code().value());
  }
  return success();
}

void Executor::stop() noexcept {
  if (!thread_.joinable()) {
    return;
  }
  context_.stop();
  // The handler may be blocked, or about to block, in a write to a terminal that nobody reads.
  do {
    ::pthread_kill(thread_.native_handle(), wake_signal());
  } while (!ended_.try_acquire_for(kWakeInterval));
  thread_.join();
}

}  // namespace bothy
