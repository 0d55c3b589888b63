#include "base/worker_thread.h"

#include <pthread.h>

#include <system_error>
#include <utility>

#include "base/signals.h"

namespace bothy {
namespace {

constexpr std::size_t kMaxName = 15;  // pthread_setname_np(3)

}  // namespace

Result<std::unique_ptr<WorkerThread>> WorkerThread::start(std::string name, ThreadRole role,
                                                          Task set_up) {
  std::unique_ptr<WorkerThread> worker(new WorkerThread);
  name.resize(std::min(name.size(), kMaxName));
  try {
    worker->thread_ = std::thread(
        [raw = worker.get(), name = std::move(name), role, set_up = std::move(set_up)]() mutable {
          raw->loop(name, role, std::move(set_up));
        });
  } catch (const std::system_error& error) {
    return errno_error("can't start a thread", error.code().value());
  }
  return worker;
}

WorkerThread::~WorkerThread() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void WorkerThread::run(Task task) {
  {
    const std::lock_guard lock(mutex_);
    task_ = std::move(task);
    busy_ = true;
  }
  changed_.notify_all();
}

void WorkerThread::wait() noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !busy_; });
}

void WorkerThread::loop(const std::string& name, ThreadRole role, Task set_up) noexcept {
  block_signals_in_worker();
  ::pthread_setname_np(::pthread_self(), name.c_str());
  if (set_up) {
    set_up();
    set_up = nullptr;
  }
  enter_role(role);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return busy_ || ending_; });
    if (!busy_) {
      return;
    }
    Task task = std::exchange(task_, nullptr);
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace bothy
