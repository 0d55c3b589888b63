#include "bench/areas/neighbours.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <thread>

#include "bench/areas/instances.h"
#include "bench/areas/take_line.h"
#include "bench/report/table.h"
#include "bench/results/validity.h"

namespace bothy::bench {
namespace {

constexpr std::string_view kMetric = "neighbours.request";
constexpr std::string_view kAlone = "none";
constexpr std::array<std::string_view, 6> kHogs{kAlone,  "cpu", "memory",
                                                "forks", "io",  "descriptors"};
constexpr std::size_t kMostHogs = 32;
constexpr const char* kPeriod = "10000";  // microseconds
constexpr std::chrono::minutes kLimit{5};

Parameters beside(std::string_view hog) {
  return {{"hogs", std::string(hog)}};
}

std::size_t hog_count() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() * std::size_t{2}, 2,
                                 kMostHogs);
}

Result<void> start_victim(BenchRun& run, const Subject& subject, const Workspace& workspace,
                          std::size_t session, std::string_view hog) {
  const std::size_t requests = run.options().quick ? 100 : 300;
  BOTHY_TRY(const Invocation invocation,
            subject.run(workspace, run.new_id(), {"victim", std::to_string(requests), kPeriod}));
  const Batch batch = run_starts(run.bench(), {invocation}, {"end", subject.success_text(), kLimit},
                                 Reaper::children());
  if (batch.interrupted) {
    return success();
  }
  const Start& start = batch.starts[0];
  std::vector<double> latencies = parse_requests(start.output);
  if (!start.failure.empty() || latencies.size() != requests) {
    run.add_failure(subject, kMetric, beside(hog),
                    start.failure.empty() ? "not every request was answered" : start.failure);
  } else {
    run.add(subject, kMetric, beside(hog), session, std::move(latencies));
  }
  return success();
}

Result<void> measure_beside(BenchRun& run, const Subject& subject, const Workspace& workspace,
                            std::size_t session, std::string_view hog) {
  Instances hogs(run, subject, workspace);
  const std::size_t count = hog == kAlone ? 0 : hog_count();
  // What a hog touches fits into its instance, beside what that has of its own.
  const std::string mib = std::to_string(std::max<std::uint64_t>(workspace.memory_mib / 4, 1));
  for (std::size_t i = 0; i < count && !run.interrupted(); ++i) {
    if (const auto started = hogs.start(ProbeCommand{"hog", std::string(hog), mib}); !started) {
      run.add_failure(subject, kMetric, beside(hog), started.error().context);
      return hogs.remove_all();
    }
  }
  auto measured = start_victim(run, subject, workspace, session, hog);
  auto removed = hogs.remove_all();
  return measured ? removed : measured;
}

// Every subject beside every hog, both in a new random order.
Result<void> measure_session(BenchRun& run, const Workspace& workspace, std::size_t session,
                             std::size_t sessions) {
  std::vector<std::string_view> order(kHogs.begin(), kHogs.end());
  run.random().shuffle(order);
  for (std::size_t i = 0; i < order.size(); ++i) {
    BOTHY_TRY(run.each_subject(1, [&](Subject& subject, std::size_t) {
      if (!run.measurable(subject, kMetric, beside(order[i]))) {
        return Result<void>(success());
      }
      run.progress(fmt::format("{}: neighbours", subject.name()), session * order.size() + i,
                   sessions * order.size());
      return measure_beside(run, subject, workspace, session, order[i]);
    }));
  }
  return success();
}

// Each subject beside each hog, over the same subject alone.
void note_ratios(BenchRun& run) {
  for (std::string_view hog : kHogs) {
    for (const Subject* subject : run.subjects()) {
      const Series* alone = run.results().find(kMetric, subject->name(), beside(kAlone));
      const Series* busy = run.results().find(kMetric, subject->name(), beside(hog));
      if (hog == kAlone || alone == nullptr || busy == nullptr) {
        continue;
      }
      if (const auto ratio =
              ratio_of_medians(alone->samples, busy->samples, kResamples, run.random())) {
        run.results().facts.push_back({"slower beside hogs", std::string(hog),
                                       std::string(subject->name()), shown(*ratio),
                                       fmt::format("{} hogs; the median over that without any, and "
                                                   "its interval",
                                                   hog_count())});
      }
    }
  }
}

}  // namespace

std::vector<double> parse_requests(std::string_view text) {
  constexpr std::string_view kBegin = "request ";
  std::vector<double> latencies;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!line.starts_with(kBegin)) {
      continue;
    }
    line.remove_prefix(kBegin.size());
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), value);
    if (parsed.ec == std::errc() && parsed.ptr == line.data() + line.size() && value > 0) {
      latencies.push_back(static_cast<double>(value));
    }
  }
  return latencies;
}

Result<void> measure_neighbours(BenchRun& run) {
  const std::size_t sessions =
      std::min<std::size_t>(run.options().sessions, run.options().quick ? 1 : 3);
  // The rows of the table in this order, whatever comes first.
  for (std::string_view hog : kHogs) {
    for (const Subject* subject : run.subjects()) {
      static_cast<void>(run.measurable(*subject, kMetric, beside(hog)));
    }
  }
  BOTHY_TRY(run.each_session(sessions,
                             [&](const Workspace& workspace, std::size_t session) -> Result<void> {
                               return measure_session(run, workspace, session, sessions);
                             }));
  note_ratios(run);
  return success();
}

}  // namespace bothy::bench
