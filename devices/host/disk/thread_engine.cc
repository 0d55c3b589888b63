#include "devices/host/disk/thread_engine.h"

#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/signals.h"
#include "base/thread_role.h"

namespace bothy {
namespace {

// Enough to keep a disk busy; each costs a stack.
constexpr unsigned kThreads = 4;

}  // namespace

Result<std::unique_ptr<IoThreads>> IoThreads::create(const IoTarget& target, unsigned threads,
                                                     EventFd completed) {
  std::unique_ptr<IoThreads> pool(new IoThreads(target, std::move(completed)));
  try {
    for (unsigned i = 0; i < threads; ++i) {
      pool->threads_.emplace_back([&pool = *pool] { pool.run(); });
    }
  } catch (const std::system_error& error) {
    return errno_error("can't start a disk's thread", error.code().value());
  }
  return pool;
}

IoThreads::~IoThreads() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void IoThreads::submit(IoOperation& operation) noexcept {
  operation.next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    (last_ == nullptr ? first_ : last_->next) = &operation;
    last_ = &operation;
  }
  work_.notify_one();
}

void IoThreads::take(std::vector<IoOperation*>& done) noexcept {
  const auto before = static_cast<std::ptrdiff_t>(done.size());
  {
    const std::lock_guard lock(mutex_);
    for (; done_ != nullptr; done_ = done_->next) {
      done.push_back(done_);
    }
  }
  std::reverse(done.begin() + before, done.end());
}

void IoThreads::run() noexcept {
  block_signals_in_worker();
  ::pthread_setname_np(::pthread_self(), "disk-io");
  enter_role(ThreadRole::kDisk);
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return first_ != nullptr || ending_; });
    if (first_ == nullptr) {
      return;
    }
    IoOperation& operation = *std::exchange(first_, first_->next);
    if (first_ == nullptr) {
      last_ = nullptr;
    }
    lock.unlock();
    operation.result = perform_io(target_, operation);
    lock.lock();
    operation.next = std::exchange(done_, &operation);
    if (operation.next == nullptr) {
      completed_.signal();
    }
  }
}

Result<std::unique_ptr<IoEngine>> ThreadEngine::create(const IoTarget& target,
                                                       const Wakeups& wakeups) {
  BOTHY_TRY(EventFd completed, EventFd::create());
  BOTHY_TRY(auto threads, IoThreads::create(target, kThreads, std::move(completed)));
  return std::unique_ptr<IoEngine>(new ThreadEngine(std::move(threads), wakeups));
}

IoEngine::WakeReason ThreadEngine::wait(std::vector<IoOperation*>& done,
                                        std::optional<Clock::time_point> until) noexcept {
  std::array<pollfd, 3> polled{pollfd{wakeups_.kick.fd(), POLLIN, 0},
                               pollfd{stopping_ ? -1 : wakeups_.stop.fd(), POLLIN, 0},
                               pollfd{threads_->completed().fd(), POLLIN, 0}};
  timespec left{};
  if (until) {
    const auto wait = std::max(*until - Clock::now(), Clock::duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    left.tv_sec = seconds.count();
    left.tv_nsec = std::chrono::nanoseconds(wait - seconds).count();
  }
  if (::ppoll(polled.data(), polled.size(), until ? &left : nullptr, nullptr) <= 0) {
    return {false, stopping_};
  }
  stopping_ |= polled[1].revents != 0;
  const bool kicked = polled[0].revents != 0;
  if (kicked) {
    static_cast<void>(wakeups_.kick.drain());
  }
  if (polled[2].revents != 0) {
    static_cast<void>(threads_->completed().drain());
    threads_->take(done);
  }
  return {kicked, stopping_};
}

}  // namespace bothy
