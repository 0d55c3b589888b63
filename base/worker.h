// in_worker(): a task of set-up on a thread of its own.
#pragma once

#include <future>
#include <thread>
#include <utility>

#include "base/signals.h"

namespace bothy {

// Runs `task` on a new thread, which blocks signals; or, where no thread can be created, on the
// caller's thread when the result is needed. The future's destructor waits for the task, so the
// task may refer to the caller's variables.
template <class Task>
[[nodiscard]] auto in_worker(Task task) {
  return std::async([task = std::move(task), owner = std::this_thread::get_id()]() mutable {
    if (std::this_thread::get_id() != owner) {
      block_signals_in_worker();
    }
    return task();
  });
}

}  // namespace bothy
