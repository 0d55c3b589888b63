#include "bench/areas/isolation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/files.h"
#include "bench/areas/instances.h"
#include "bench/areas/take_line.h"
#include "bench/isolation/installed.h"
#include "bench/measure/memory.h"

namespace bothy::bench {
namespace {

constexpr std::chrono::minutes kLimit{3};
constexpr std::string_view kProbeName = "bothy-bench-pro";  // its comm, as the kernel cuts it

std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

void note(BenchRun& run, std::string topic, std::string name, std::string_view subject,
          std::string value, std::string more = {}) {
  run.results().facts.push_back(
      {std::move(topic), std::move(name), std::string(subject), std::move(value), std::move(more)});
}

// Runs the probe once in a subject, and returns its output.
Result<std::string> output_of(BenchRun& run, const Subject& subject, const Invocation& invocation,
                              const std::string& end, const std::set<pid_t>& staying) {
  const Batch batch = run_starts(run.bench(), {invocation}, {end, {}, kLimit}, staying);
  const Start& start = batch.starts[0];
  if (batch.interrupted || !start.failure.empty()) {
    return make_error(ErrorCode::kSystem, "{}: {}", subject.name(),
                      batch.interrupted ? "interrupted" : start.failure);
  }
  return start.output;
}

// On the host, as long as this lives: what the ways out lead to.
class Sentinel {
 public:
  [[nodiscard]] static Result<Sentinel> start(BenchRun& run, const Workspace& workspace) {
    std::string token = fmt::format("{:016x}", run.random().below(UINT64_MAX));
    BOTHY_TRY(
        Child child,
        start_child({{workspace.root + std::string(kProbePath), "sentinel", token}}, Input::kPipe));
    std::string output;
    const auto deadline = Clock::now() + kLimit;
    while (output.find("ready") == std::string::npos) {
      if (!read_available(child.out.get(), output, 4096) || Clock::now() > deadline) {
        return make_error(ErrorCode::kSystem, "the host's side of the ways out can't be made: {}",
                          printable(output));
      }
    }
    return Sentinel(std::move(child), std::move(token));
  }
  [[nodiscard]] const std::string& token() const noexcept { return token_; }

  // It removes what it has made before it ends.
  [[nodiscard]] bool end(BenchRun& run) {
    child_.in.reset();
    return run.bench().reaper.wait_for_all_but({}, Clock::now() + kLimit);
  }

 private:
  Sentinel(Child child, std::string token) : child_(std::move(child)), token_(std::move(token)) {}
  Child child_;
  std::string token_;
};

std::map<std::string, std::string> facts_of(BenchRun& run, const Subject& subject,
                                            const Workspace& workspace) {
  const auto invocation = subject.run(workspace, run.new_id(), {"facts"});
  const auto text = invocation ? output_of(run, subject, invocation.value(),
                                           "tmp_filesystem=", Reaper::children())
                               : Result<std::string>(invocation.error());
  if (!text) {
    note(run, "shared", "failed", subject.name(), printable(text.error().context));
    return {};
  }
  return parse_facts(text.value());
}

// What a workload sees of the machine, and whether it is what a process of the host sees.
void compare_facts(BenchRun& run, const Subject& subject,
                   const std::map<std::string, std::string>& inside,
                   const std::map<std::string, std::string>& host) {
  for (const auto& [name, value] : inside) {
    const auto found = host.find(name);
    const bool same = found != host.end() && found->second == value;
    note(run, "shared", name, subject.name(), printable(value), same ? "as on the host" : "");
  }
}

// By way: the weakened subjects in which it led to this host's kernel.
using Proofs = std::map<std::string, std::set<std::string>>;

Result<void> try_ways(BenchRun& run, const Subject& subject, const Workspace& workspace,
                      const Sentinel& sentinel, bool own_kernel, Proofs& proofs) {
  const ProbeCommand probe{"escape", sentinel.token()};
  BOTHY_TRY(const Invocation invocation, subject.run(workspace, run.new_id(), probe));
  const auto text = output_of(run, subject, invocation, "\nend", Reaper::children());
  if (!text) {
    note(run, "escape", "failed", subject.name(), printable(text.error().context));
    return success();
  }
  for (const Tried& tried : parse_escape(text.value())) {
    const bool on_own = tried.allowed && own_kernel && !tried.name.starts_with("host-");
    note(run, "escape", tried.name, subject.name(),
         on_own          ? "own kernel"
         : tried.allowed ? "allowed"
                         : "refused",
         tried.detail);
    proofs[tried.name];
  }
  BOTHY_TRY(const auto weakened, subject.run_weakened(workspace, run.new_id(), probe));
  const auto weak = weakened ? output_of(run, subject, *weakened, "\nend", Reaper::children())
                             : Result<std::string>(std::string());
  for (const Tried& tried : parse_escape(weak ? weak.value() : std::string())) {
    if (tried.allowed) {
      proofs[tried.name].insert(std::string(subject.name()));
    }
  }
  return success();
}

void note_proofs(BenchRun& run, const Proofs& proofs) {
  for (const auto& [way, subjects] : proofs) {
    std::string names;
    for (const std::string& name : subjects) {
      names += (names.empty() ? "" : ", ") + name;
    }
    note(run, "escape", way, "weakened", names.empty() ? "not proven here" : "leads out",
         names.empty() ? "no weakened subject of this host fails it" : "in " + names);
  }
}

void note_reachable(BenchRun& run, const Subject& subject, const ThreadFilters& thread,
                    bool monitor) {
  for (const Reachable& found : reachable(thread.filters)) {
    const std::string who = monitor ? "monitor, thread " + thread.name : std::string("workload");
    note(run, "system calls", fmt::format("{}: {}", who, found.architecture), subject.name(),
         fmt::format("{} of {}", found.always + found.sometimes, found.known),
         found.sometimes == 0 ? "" : fmt::format("{} by their arguments", found.sometimes));
  }
}

// What the untrusted side has of the host's kernel: of a container its workload, of a machine the
// threads of its monitor.
Result<void> read_filters(BenchRun& run, const Subject& subject, const Workspace& workspace) {
  Instances instances(run, subject, workspace);
  if (const auto started = instances.start(0); !started) {
    note(run, "system calls", "failed", subject.name(), printable(started.error().context));
    return instances.remove_all();
  }
  std::set<std::string> told;
  for (const pid_t pid : instances.processes()) {
    const bool workload = first_line("/proc/" + std::to_string(pid) + "/comm") == kProbeName;
    const bool monitor = subject.kind() == Kind::kVm && has_machine(pid);
    if (!workload && !monitor) {
      continue;
    }
    const auto threads = installed_filters(pid);
    if (!threads) {
      note(run, "system calls", "not measurable here", subject.name(),
           printable(threads.error().context));
      break;
    }
    for (const ThreadFilters& thread : threads.value()) {
      if (told.insert(monitor ? thread.name : std::string()).second) {
        note_reachable(run, subject, thread, monitor);
      }
    }
  }
  return instances.remove_all();
}

}  // namespace

std::vector<Tried> parse_escape(std::string_view text) {
  std::vector<Tried> all;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string name(take_word(line));
    const std::string_view verdict = take_word(line);
    if (verdict == "allowed" || verdict == "refused") {
      all.push_back({name, verdict == "allowed", std::string(line)});
    }
  }
  return all;
}

std::map<std::string, std::string> parse_facts(std::string_view text) {
  std::map<std::string, std::string> facts;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const auto sign = line.find('=');
    const std::string_view name = line.substr(0, sign);
    if (sign != std::string_view::npos && !name.empty() &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos) {
      facts.emplace(name, line.substr(sign + 1));
    }
  }
  return facts;
}

Result<void> measure_isolation(BenchRun& run) {
  return run.each_session(1, [&](const Workspace& workspace, std::size_t) -> Result<void> {
    BOTHY_TRY(Sentinel sentinel, Sentinel::start(run, workspace));
    BOTHY_TRY(const std::string host_text,
              run_command(run.bench(), {{workspace.root + std::string(kProbePath), "facts"}}));
    const auto host = parse_facts(host_text);
    Proofs proofs;
    for (Subject* subject : run.subjects()) {
      if (run.interrupted()) {
        break;
      }
      run.progress(fmt::format("isolation: {}", subject->name()), 0, 1);
      const auto inside = facts_of(run, *subject, workspace);
      compare_facts(run, *subject, inside, host);
      // Whose kernel a way leads to is known by this alone.
      if (const auto boot = inside.find("boot_id"); boot != inside.end()) {
        const bool own_kernel = boot->second != host.at("boot_id");
        BOTHY_TRY(try_ways(run, *subject, workspace, sentinel, own_kernel, proofs));
      }
      BOTHY_TRY(read_filters(run, *subject, workspace));
    }
    note_proofs(run, proofs);
    if (!sentinel.end(run)) {
      return make_error(ErrorCode::kSystem, "the host's side of the ways out doesn't end");
    }
    return success();
  });
}

}  // namespace bothy::bench
