// in_worker(): one task of set-up beside others.
#pragma once

#include <future>
#include <thread>
#include <utility>

#include "base/signals.h"

namespace bothy {

// Runs `task` on a thread of its own, which takes no signals, or, where no thread can be had, on
// the caller's when it asks for the result. The future waits for its task before it goes, so what
// the task refers to may be the caller's own.
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
