#include "bench/areas/startup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "bench/areas/http.h"
#include "bench/areas/instances.h"
#include "bench/areas/phases.h"
#include "bench/measure/kvm_statistics.h"
#include "bench/probe_program.h"

namespace bothy::bench {
namespace {

constexpr std::chrono::minutes kStartLimit{2};

// KVM's names of what is worth telling apart: all exits, and those to the monitor or to wait.
constexpr std::array kExits{"exits",      "io_exits",  "mmio_exits",
                            "halt_exits", "irq_exits", "signal_exits"};

Expected first_byte(const Subject& subject) {
  return {std::string(1, kProbeFirstByte), subject.success_text(), kStartLimit};
}

// `count` starts of `probe first` at once.
Result<Batch> start(BenchRun& run, const Subject& subject, const Workspace& workspace,
                    std::size_t count, const std::set<pid_t>& staying = {}) {
  std::vector<Invocation> invocations;
  for (std::size_t i = 0; i < count; ++i) {
    BOTHY_TRY(invocations.emplace_back(), subject.run(workspace, run.new_id(), {"first"}));
  }
  return run_starts(run.bench(), invocations, first_byte(subject), staying);
}

// The starts of a batch are iterations of one start in the hierarchy: they have shared their time.
void record(BenchRun& run, const Subject& subject, const Parameters& parameters,
            std::size_t session, const Batch& batch) {
  if (batch.interrupted) {
    return;
  }
  std::vector<double> first;
  std::vector<double> end;
  for (const Start& each : batch.starts) {
    if (!each.failure.empty()) {
      // Counted where the subject is always measurable, whatever the host's class.
      run.add_failure(subject, "startup.faults", parameters, each.failure);
      run.add_failure(subject, "startup.first-byte", parameters, each.failure);
      continue;
    }
    first.push_back(static_cast<double>(each.awaited_ns));
    end.push_back(static_cast<double>(each.end_ns));
  }
  if (first.empty()) {
    return;
  }
  run.add(subject, "startup.first-byte", parameters, session, std::move(first));
  run.add(subject, "startup.end", parameters, session, std::move(end));
  const auto count = static_cast<double>(batch.starts.size());
  const Usage& usage = batch.usage;
  run.add(subject, "startup.cpu", parameters, session,
          {static_cast<double>(usage.user_ns + usage.system_ns) / count});
  run.add(subject, "startup.faults", parameters, session,
          {static_cast<double>(usage.faults) / count});
  run.add(subject, "startup.switches", parameters, session,
          {static_cast<double>(usage.switches) / count});
  if (batch.starts.size() > 1) {
    run.add(subject, "startup.rate", parameters, session,
            {count * 1e9 / static_cast<double>(batch.wall_ns)});
  }
}

// The first start of a session fills caches, mounts the image, compiles filters: told apart.
Result<void> start_first(BenchRun& run, const Workspace& workspace) {
  for (Subject* subject : run.subjects()) {
    BOTHY_TRY(const Batch batch, start(run, *subject, workspace, 1));
    if (!batch.interrupted && batch.starts[0].failure.empty()) {
      run.add_first(*subject, "startup.first-byte",
                    static_cast<double>(batch.starts[0].awaited_ns));
    }
  }
  return success();
}

Result<void> alone(BenchRun& run, const Workspace& workspace, std::size_t session) {
  BOTHY_TRY(start_first(run, workspace));
  const std::size_t starts = run.options().starts;
  return run.each_subject(starts, [&](Subject& subject, std::size_t round) -> Result<void> {
    run.progress("starts", session * starts + round, run.options().sessions * starts);
    BOTHY_TRY(const Batch batch, start(run, subject, workspace, 1));
    record(run, subject, {}, session, batch);
    return success();
  });
}

// Those whose times mean something here, in a new random order: the others' counts of one start say
// it all.
std::vector<Subject*> timed(BenchRun& run) {
  std::vector<Subject*> subjects = run.shuffled();
  std::erase_if(subjects, [&](const Subject* subject) {
    return !run.measurable(*subject, "startup.first-byte");
  });
  return subjects;
}

Result<void> together(BenchRun& run, const Workspace& workspace, std::size_t session) {
  const bool quick = run.options().quick;
  if (quick && session > 0) {
    return success();  // ten starts are enough for a median
  }
  const std::vector<std::size_t> counts =
      quick ? std::vector<std::size_t>{10} : std::vector<std::size_t>{10, 50, 100};
  const std::size_t rounds = quick ? 1 : 3;
  for (const std::size_t count : counts) {
    for (std::size_t round = 0; round < rounds; ++round) {
      for (Subject* subject : timed(run)) {
        if (run.interrupted()) {
          return success();
        }
        run.progress(fmt::format("{} starts at once", count), round, rounds);
        BOTHY_TRY(const Batch batch, start(run, *subject, workspace, count));
        record(run, *subject, {{"at once", std::to_string(count)}}, session, batch);
      }
    }
  }
  return success();
}

Result<void> beside_others(BenchRun& run, const Workspace& workspace, std::size_t session) {
  const bool quick = run.options().quick;
  const std::size_t others = quick ? 5 : 50;
  const std::size_t rounds = quick ? 3 : 10;
  for (Subject* subject : timed(run)) {
    if (run.interrupted()) {
      return success();
    }
    Instances instances(run, *subject, workspace);
    const Parameters parameters{{"beside", std::to_string(others)}};
    for (std::size_t i = 0; i < others && !run.interrupted(); ++i) {
      run.progress(fmt::format("{}: others that run", subject->name()), i, others);
      if (const auto started = instances.start(0); !started) {
        run.add_failure(*subject, "startup.first-byte", parameters, started.error().context);
        break;
      }
    }
    for (std::size_t i = 0; i < rounds && instances.count() == others; ++i) {
      BOTHY_TRY(const Batch batch, start(run, *subject, workspace, 1, Reaper::children()));
      record(run, *subject, parameters, session, batch);
    }
    BOTHY_TRY(instances.remove_all());
  }
  return success();
}

// What a machine's start makes of exits, until its workload is ready.
Result<void> exits(BenchRun& run, const Workspace& workspace, std::size_t session) {
  const std::size_t rounds = run.options().quick ? 1 : 10;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Subject* subject : run.shuffled()) {
      if (subject->kind() != Kind::kVm || run.interrupted()) {
        continue;
      }
      run.progress("exits of a start", session * rounds + round, run.options().sessions * rounds);
      Instances instances(run, *subject, workspace);
      const auto started = instances.start(0);
      const auto counts = started ? kvm_statistics(instances.processes())
                                  : Result<std::map<std::string, std::uint64_t>>(started.error());
      if (!counts) {
        run.add_failure(*subject, "startup.exits", {{"reason", "exits"}}, counts.error().context);
      }
      for (const char* name : kExits) {
        if (counts && counts.value().contains(name)) {
          run.add(*subject, "startup.exits", {{"reason", name}}, session,
                  {static_cast<double>(counts.value().at(name))});
        }
      }
      BOTHY_TRY(instances.remove_all());
    }
  }
  return success();
}

// The subject that the A/A run is made with: bothy's container, or whatever runs here.
Subject* reference(const BenchRun& run) {
  const auto& subjects = run.subjects();
  const auto found = std::ranges::find_if(
      subjects, [](const Subject* each) { return each->name() == "container"; });
  return found != subjects.end() ? *found : subjects.front();
}

}  // namespace

Result<void> measure_noise(BenchRun& run) {
  const Subject& subject = *reference(run);
  const std::string again = std::string(subject.name()) + " again";
  const std::size_t starts = run.options().starts;
  const std::size_t sessions = run.options().sessions;
  BOTHY_TRY(run.each_session(
      sessions, [&](const Workspace& workspace, std::size_t session) -> Result<void> {
        BOTHY_TRY(start(run, subject, workspace, 1));
        for (std::size_t round = 0; round < starts && !run.interrupted(); ++round) {
          run.progress("noise: the same subject twice", session * starts + round,
                       sessions * starts);
          const bool other_order = run.random().below(2) == 1;
          for (const bool second : {other_order, !other_order}) {
            BOTHY_TRY(const Batch batch, start(run, subject, workspace, 1));
            if (!batch.interrupted && batch.starts[0].failure.empty()) {
              Series& series = run.results().at("noise.first-byte",
                                                second ? again : std::string(subject.name()));
              series.validity = Validity::kRatioOnly;
              series.reason = "for the comparison with itself alone";
              series.samples.resize(session + 1);
              series.samples[session].push_back({static_cast<double>(batch.starts[0].awaited_ns)});
            }
          }
        }
        return success();
      }));
  const Series* a = run.results().find("noise.first-byte", subject.name());
  const Series* b = run.results().find("noise.first-byte", again);
  if (a == nullptr || b == nullptr) {
    return success();
  }
  const auto ratio = ratio_of_medians(a->samples, b->samples, kResamples, run.random());
  if (ratio) {
    const bool null = ratio->interval.lower <= 1 && ratio->interval.upper >= 1 &&
                      ratio->interval.lower > 1 - kNoiseLimit &&
                      ratio->interval.upper < 1 + kNoiseLimit;
    run.note_noise(!null);
    run.results().header["noise"] = {
        {"subject", subject.name()},      {"ratio", ratio->value}, {"lower", ratio->interval.lower},
        {"upper", ratio->interval.upper}, {"limit", kNoiseLimit},  {"null", null}};
  }
  return run.save();
}

Result<void> measure_startup(BenchRun& run) {
  return run.each_session(run.options().sessions,
                          [&](const Workspace& workspace, std::size_t session) -> Result<void> {
                            BOTHY_TRY(alone(run, workspace, session));
                            BOTHY_TRY(measure_http(run, workspace, session));
                            BOTHY_TRY(measure_phases(run, workspace, session));
                            BOTHY_TRY(exits(run, workspace, session));
                            BOTHY_TRY(together(run, workspace, session));
                            return beside_others(run, workspace, session);
                          });
}

}  // namespace bothy::bench
