// WorkerThread: a thread that is made once and performs one task after another, so that a thread
// which serves a guest exists, with all that it needs, before the guest runs: no thread is started
// on a guest's request.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/thread_role.h"

namespace bothy {

//   start() --> set_up on the new thread --> enter_role() --> [idle] -- run() --> [task] --> [idle]
//
// Functions are for one thread at a time, the owner's. The new thread blocks signals
// (base/signals.h).
class WorkerThread {
 public:
  using Task = std::function<void()>;

  // `name`: at most 15 characters are kept. `set_up` opens what tasks need, on the new thread; it
  // may be empty. start() doesn't wait for it, the first task comes after it.
  [[nodiscard]] static Result<std::unique_ptr<WorkerThread>> start(std::string name,
                                                                   ThreadRole role,
                                                                   Task set_up = {});
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  // Waits for the task to end.
  ~WorkerThread();

  // The task before has ended. `task` is destroyed on the thread.
  void run(Task task);
  // Waits until the task has ended; returns at once when there is none.
  void wait() noexcept;

 private:
  WorkerThread() = default;
  void loop(const std::string& name, ThreadRole role, Task set_up) noexcept;

  std::mutex mutex_;  // guards task_, busy_ and ending_
  std::condition_variable changed_;
  Task task_;
  bool busy_ = false;  // from run() to the end of the task
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace bothy
