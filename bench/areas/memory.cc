#include "bench/areas/memory.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "bench/areas/instances.h"
#include "bench/measure/memory.h"

namespace bothy::bench {
namespace {

// Kernels free what a start took (RCU, per-processor caches) a moment later.
constexpr std::chrono::milliseconds kSettle{300};
constexpr std::uint64_t kTouched = 1;  // MiB, by each instance's workload

// A value for each number of instances from 1 on.
struct Curves {
  std::vector<double> pss;
  std::vector<double> guest;
  std::vector<double> available;
  std::vector<double> cgroup;
};

std::uint64_t settled_available() {
  std::this_thread::sleep_for(kSettle);
  drop_caches();
  return available_memory();
}

void read_memory(const BenchRun& run, const Instances& instances, std::uint64_t before,
                 Curves& curves) {
  const auto now = static_cast<double>(settled_available());
  curves.available.push_back(static_cast<double>(before) - now);
  const std::vector<pid_t> processes = instances.processes();
  curves.pss.push_back(static_cast<double>(pss_of(processes)));
  curves.guest.push_back(
      static_cast<double>(guest_pss_of(processes, run.options().memory_mib << 20U)));
  if (const auto bytes = cgroup_memory_of(processes)) {
    curves.cgroup.push_back(static_cast<double>(*bytes));
  }
}

Result<void> measure_subject(BenchRun& run, const Subject& subject, const Workspace& workspace,
                             std::size_t session, std::size_t most) {
  Curves curves;
  Instances instances(run, subject, workspace);
  // The first brings in what all share; it is there before the curve begins.
  if (const auto first = instances.start(kTouched); !first) {
    run.add_failure(subject, "memory.pss", {}, first.error().context);
    return instances.remove_all();
  }
  BOTHY_TRY(instances.remove_all());
  const std::uint64_t before = settled_available();
  for (std::size_t n = 1; n <= most && !run.interrupted(); ++n) {
    run.progress(fmt::format("{}: memory", subject.name()), n - 1, most);
    if (const auto started = instances.start(kTouched); !started) {
      run.add_failure(subject, "memory.pss", {}, started.error().context);
      break;
    }
    read_memory(run, instances, before, curves);
  }
  if (!run.interrupted()) {
    run.add(subject, "memory.pss", {}, session, std::move(curves.pss));
    run.add(subject, "memory.available", {}, session, std::move(curves.available));
    if (subject.kind() == Kind::kVm) {
      run.add(subject, "memory.guest", {}, session, std::move(curves.guest));
    }
    if (!curves.cgroup.empty()) {
      run.add(subject, "memory.cgroup", {}, session, std::move(curves.cgroup));
    }
  }
  return instances.remove_all();
}

}  // namespace

Result<void> measure_memory(BenchRun& run) {
  const std::size_t sessions = run.options().quick ? 1 : 3;
  const std::size_t most = run.options().quick ? 6 : 20;
  const bool dropped = drop_caches();
  run.results().facts.push_back(
      {"memory", "caches dropped before each reading", "", dropped ? "yes" : "no",
       dropped ? "" : "it takes root and a writable /proc/sys/vm/drop_caches"});
  return run.each_session(sessions, [&](const Workspace& workspace, std::size_t session) {
    return run.each_subject(1, [&](Subject& subject, std::size_t) {
      return measure_subject(run, subject, workspace, session, most);
    });
  });
}

}  // namespace bothy::bench
