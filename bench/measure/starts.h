// Starts: instances from exec to their end, one alone or several at once.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/measure/child.h"
#include "bench/measure/interrupt.h"
#include "bench/measure/reaper.h"

namespace bothy::bench {

// What the benchmark itself must have while it measures.
struct Bench {
  Reaper& reaper;
  const Interrupt& interrupt;
};

// A start is read by its workload's output: until `awaited` appears in it, which is the measured
// moment, to the program's end, which must be exit status 0.
struct Expected {
  std::string awaited;
  std::string at_end = {};  // must be in the output as well
  Clock::duration limit = std::chrono::seconds(60);
};

struct Start {
  std::string failure;          // empty: it went as expected; otherwise its times count for nothing
  std::int64_t awaited_ns = 0;  // from just before the start
  std::int64_t end_ns = 0;
  std::string output;
  std::string errors;
};

struct Batch {
  std::vector<Start> starts;  // in the order of the invocations
  std::int64_t wall_ns = 0;   // to the end of the last
  Usage usage;  // of all processes of all of them, helpers that outlive the program too
  bool interrupted = false;  // the starts are incomplete, and must not be counted
};

// Runs them all at the same time, and returns when no process of theirs is left besides `staying`
// and what descends from it; what doesn't end in time is killed and is a failure.
[[nodiscard]] Batch run_starts(const Bench& bench, const std::vector<Invocation>& invocations,
                               const Expected& expected, const std::set<pid_t>& staying = {});

// Runs one program to its end, and returns its output; the error has what it said last. For
// commands that are no measurement: preparing, removing, versions. What it leaves running is left
// alone.
[[nodiscard]] Result<std::string> run_command(const Bench& bench, const Invocation& invocation,
                                              Clock::duration limit = std::chrono::seconds(60));

}  // namespace bothy::bench
