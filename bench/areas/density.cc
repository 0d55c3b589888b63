#include "bench/areas/density.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "base/files.h"
#include "bench/areas/instances.h"
#include "bench/measure/host_state.h"
#include "bench/statistics/quantile.h"

namespace bothy::bench {
namespace {

// What stops an attempt, besides the number that was asked for and a start that fails.
constexpr std::uint64_t kMemoryShare = 20;           // MemAvailable below 1/20 of all memory,
constexpr std::uint64_t kMemoryFloor = 256U << 20U;  // or below this many bytes
constexpr std::size_t kFirst = 10;                   // a start is too slow when it takes
constexpr double kTooSlow = 20;                      // so many times the median of the first ten,
constexpr double kSlowest = 10e9;                    // or this many nanoseconds
// The kernel frees namespaces and mounts some time after their last process.
constexpr std::chrono::seconds kGoneLimit{20};
constexpr std::chrono::milliseconds kLook{200};

struct Attempt {
  std::vector<double> times;  // of the n-th start
  std::string stopped;
};

// Why no more instances are started; empty: more are.
std::string stop_reason(const BenchRun& run, const Attempt& attempt) {
  if (run.interrupted()) {
    return "interrupted";
  }
  if (attempt.times.size() >= run.options().most_instances) {
    return fmt::format("the number asked for ({})", run.options().most_instances);
  }
  const std::uint64_t floor = std::max(total_memory() / kMemoryShare, kMemoryFloor);
  if (available_memory() < floor) {
    return fmt::format("MemAvailable is below {} MiB", floor >> 20U);
  }
  if (attempt.times.size() > kFirst) {
    const double usual = median(
        {attempt.times.begin(), attempt.times.begin() + static_cast<std::ptrdiff_t>(kFirst)});
    if (attempt.times.back() > std::max(kTooSlow * usual, kSlowest)) {
      return fmt::format("start {} took {:.1f} s", attempt.times.size(),
                         attempt.times.back() / 1e9);
    }
  }
  return {};
}

Attempt start_many(BenchRun& run, const Subject& subject, Instances& instances) {
  Attempt attempt;
  while ((attempt.stopped = stop_reason(run, attempt)).empty()) {
    run.progress(fmt::format("{}: density", subject.name()), attempt.times.size(),
                 run.options().most_instances);
    const auto started = instances.start(1);
    if (!started) {
      attempt.stopped = "a start failed: " + printable(started.error().context);
      break;
    }
    attempt.times.push_back(static_cast<double>(started.value()));
  }
  return attempt;
}

std::size_t count_alive(BenchRun& run, const Subject& subject, Instances& instances,
                        std::size_t count, std::string& problem) {
  std::size_t alive = 0;
  for (std::size_t i = 0; i < count && !run.interrupted(); ++i) {
    run.progress(fmt::format("{}: work of each", subject.name()), i, count);
    if (const auto proven = instances.prove_alive(i)) {
      ++alive;
    } else if (problem.empty()) {
      problem = printable(proven.error().context);
    }
  }
  return alive;
}

// What the instances have left, in a line; empty when there is nothing.
std::string leftovers(const HostState& before, const std::string& directory) {
  const auto deadline = Clock::now() + kGoneLimit;
  HostState left;
  do {
    left = added(before, host_state(directory));
    if (left.empty()) {
      return {};
    }
    std::this_thread::sleep_for(kLook);
  } while (Clock::now() < deadline);
  std::string text;
  for (const auto& [kind, names] : left) {
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : ", ", names.size(), kind,
                        printable(*names.begin()));
  }
  return text;
}

Result<void> measure_subject(BenchRun& run, const Subject& subject, const Workspace& workspace) {
  const auto note = [&](const char* name, std::string value, std::string more = {}) {
    run.results().facts.push_back(
        {"density", name, std::string(subject.name()), std::move(value), std::move(more)});
  };
  {
    // What the first instance of a subject makes and keeps, an image's mount or a cache, is no
    // leftover of an instance.
    Instances first(run, subject, workspace);
    static_cast<void>(first.start(0));
    BOTHY_TRY(first.remove_all());
  }
  const HostState before = host_state(workspace.directory);
  const std::uint64_t available = available_memory();
  Instances instances(run, subject, workspace);
  Attempt attempt = start_many(run, subject, instances);
  const std::size_t count = attempt.times.size();
  const std::uint64_t now = available_memory();
  std::string problem;
  const std::size_t alive = count_alive(run, subject, instances, count, problem);
  if (run.interrupted()) {
    return instances.remove_all();
  }
  note("instances", std::to_string(count), attempt.stopped);
  note("alive", std::to_string(alive), problem);
  if (count > 0) {
    note("memory of each",
         fmt::format("{:.2f} MiB", static_cast<double>(available - std::min(available, now)) /
                                       static_cast<double>(count) / (1U << 20U)),
         "fall of MemAvailable, by their number");
    run.add(subject, "density.start", {}, 0, std::move(attempt.times));
  }
  const auto removed = instances.remove_all();
  std::string left = leftovers(before, workspace.directory);
  note("left behind", left.empty() ? "nothing" : std::move(left),
       removed ? "" : printable(removed.error().context));
  return success();
}

}  // namespace

Result<void> measure_density(BenchRun& run) {
  return run.each_session(1, [&](const Workspace& workspace, std::size_t) {
    return run.each_subject(1, [&](Subject& subject, std::size_t) -> Result<void> {
      // A number of instances is a count, which holds wherever the subject runs.
      BOTHY_TRY(measure_subject(run, subject, workspace));
      return run.save();
    });
  });
}

}  // namespace bothy::bench
