// Reaper: every process that a subject starts, wherever it moves, becomes a child of the benchmark
// when its parent ends, so that its processor time is counted and none is left behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/process.h"
#include "base/result.h"

namespace bothy::bench {

using Clock = std::chrono::steady_clock;

// Nanoseconds of the steady clock (CLOCK_MONOTONIC).
[[nodiscard]] std::int64_t now_ns() noexcept;

// What processes took from their start to their end.
struct Usage {
  std::int64_t user_ns = 0;
  std::int64_t system_ns = 0;
  std::int64_t faults = 0;    // without I/O
  std::int64_t switches = 0;  // voluntary and not
  Usage& operator+=(const Usage& other) noexcept;
};

// One in a process, on its only thread. Nothing else in the process waits for children.
class Reaper {
 public:
  // Orphans among the descendants become children of this process from now on (prctl(2),
  // PR_SET_CHILD_SUBREAPER).
  [[nodiscard]] static Result<Reaper> begin();

  // Collects what has ended. Doesn't wait.
  void collect();
  // How a process ended that has been collected; nothing otherwise. Told once.
  [[nodiscard]] std::optional<ProcessEnd> take_end(pid_t pid);
  // Of all processes that were collected since the last call.
  [[nodiscard]] Usage take_usage();

  // This process's children now, those that have ended and aren't collected included.
  [[nodiscard]] static std::set<pid_t> children();
  // Children, their children, and so on; at most what /proc shows at one time.
  [[nodiscard]] static std::vector<pid_t> descendants(const std::set<pid_t>& of);

  // Collects until no child is left but `staying`. False when others are still there at `deadline`.
  [[nodiscard]] bool wait_for_all_but(const std::set<pid_t>& staying, Clock::time_point deadline);
  // Kills the descendants of all children but `staying`, and collects them.
  void kill_all_but(const std::set<pid_t>& staying);

 private:
  Reaper() = default;

  Usage usage_;
  std::map<pid_t, ProcessEnd> ended_;
};

}  // namespace bothy::bench
