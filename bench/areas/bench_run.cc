#include "bench/areas/bench_run.h"

#include <fmt/format.h>
#include <mntent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/files.h"
#include "bench/probe_program.h"

namespace bothy::bench {
namespace {

constexpr std::chrono::minutes kTrial{2};

std::string temporary_directory() {
  const char* named = std::getenv("TMPDIR");
  return named != nullptr && *named == '/' ? named : "/tmp";
}

// Whether this process has CAP_SYS_RESOURCE (capabilities(7)).
bool may_raise_limits() {
  constexpr unsigned kSysResource = 24;
  const std::string text = file_text("/proc/self/status");
  const auto at = text.find("CapEff:");
  return at != std::string::npos &&
         (std::strtoull(text.c_str() + at + 7, nullptr, 16) >> kSysResource & 1U) != 0;
}

// What instances that were killed have mounted.
void unmount_below(const std::string& directory) {
  std::vector<std::string> found;
  const std::unique_ptr<FILE, int (*)(FILE*)> mounts(::setmntent("/proc/self/mounts", "re"),
                                                     ::endmntent);
  while (const mntent* mount = mounts ? ::getmntent(mounts.get()) : nullptr) {
    if (std::string_view(mount->mnt_dir).starts_with(directory + "/")) {
      found.emplace_back(mount->mnt_dir);
    }
  }
  for (auto each = found.rbegin(); each != found.rend(); ++each) {
    ::umount2(each->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

}  // namespace

Result<BenchRun> BenchRun::prepare(const Bench& bench, BenchOptions options) {
  BenchRun run(bench, std::move(options));
  BOTHY_TRY(make_directories(run.options_.output));
  std::string work = temporary_directory() + "/bothy-bench.XXXXXX";
  if (::mkdtemp(work.data()) == nullptr) {
    return errno_error("can't make a directory '" + work + "'");
  }
  run.work_ = work;
  // Containers of ordinary users' ids must reach the image through it.
  ::chmod(work.c_str(), 0755);
  BOTHY_TRY(run.make_root(run.options_.image, work + "/root"));
  run.circumstances_.host_class = run.options_.host_class;
  run.circumstances_.emulated_host = run.options_.emulated_host;
  run.circumstances_.virtual_host = host_facts()["in a virtual machine"] == "yes";
  run.circumstances_.sessions = run.options_.sessions;
  run.circumstances_.starts = run.options_.starts;
  run.describe();
  BOTHY_TRY(run.find_subjects());
  return run;
}

BenchRun::~BenchRun() {
  if (!work_.empty()) {
    bench_.reaper.kill_all_but({});
    unmount_below(work_);
    static_cast<void>(remove_tree(work_));
  }
}

Result<void> BenchRun::make_root(const std::string& image, const std::string& root) const {
  if (image.empty()) {
    BOTHY_TRY(make_directories(root));
  } else {
    // A copy: the probe is added to it.
    BOTHY_TRY(run_command(bench_, {{"cp", "-a", "--", image, root}}, std::chrono::minutes(10)));
  }
  for (const char* name : {"/proc", "/dev", "/sys", "/tmp", "/mnt"}) {
    BOTHY_TRY(make_directories(root + name));
    ::chmod((root + name).c_str(), 0755);
  }
  ::chmod((root + "/tmp").c_str(), 01777);
  ::chmod(root.c_str(), 0755);
  return write_probe_program(root + std::string(kProbePath));
}

Workspace BenchRun::workspace(const std::string& name) const {
  Workspace made;
  made.directory = work_ + "/" + name;
  made.root = work_ + "/root";
  made.bothy = options_.bothy;
  made.kernel = options_.kernel;
  made.memory_mib = options_.memory_mib;
  made.limit_containers =
      ::geteuid() == 0 &&
      file_text("/sys/fs/cgroup/cgroup.controllers").find("memory") != std::string::npos;
  made.filter_devices = may_raise_limits();
  return made;
}

// Its version, and one start: a subject that can't do that is left out, by name and with the
// reason.
Result<void> BenchRun::try_subject(Subject& subject, MeasuredSubject& record) {
  const Workspace trial = workspace("trial");
  BOTHY_TRY(make_directories(trial.directory));
  BOTHY_TRY(record.version, subject.version(bench_, trial));
  if (subject.kind() == Kind::kVm && options_.host_class == HostClass::kNone) {
    return make_error(ErrorCode::kUnsupported, "not measurable here: {}", options_.host_reason);
  }
  BOTHY_TRY(subject.prepare(bench_, trial));
  auto invocation = subject.run(trial, new_id(), {"first"});
  Result<void> result = success();
  if (invocation) {
    record.command = invocation.value().text();
    const Batch batch =
        run_starts(bench_, {invocation.value()},
                   {std::string(1, kProbeFirstByte), subject.success_text(), kTrial});
    if (batch.interrupted) {
      result = make_error(ErrorCode::kSystem, "interrupted");
    } else if (!batch.starts[0].failure.empty()) {
      result = make_error(ErrorCode::kSystem, "its first start failed: {}",
                          printable(batch.starts[0].failure));
    }
  } else {
    result = invocation.error();
  }
  unmount_below(trial.directory);
  BOTHY_TRY(subject.clean(bench_, trial));
  return result;
}

Result<void> BenchRun::find_subjects() {
  all_ = bench::subjects();
  for (const std::string& name : options_.subjects) {
    if (std::ranges::none_of(all_, [&](const auto& each) { return each->name() == name; })) {
      std::string known;
      for (const auto& each : all_) {
        known += (known.empty() ? "" : ", ") + std::string(each->name());
      }
      return make_error(ErrorCode::kInvalid, "unknown subject '{}': expected one of {}",
                        printable(name), known);
    }
  }
  for (std::size_t i = 0; i < all_.size() && !interrupted(); ++i) {
    Subject& subject = *all_[i];
    const bool named =
        options_.subjects.empty() || std::ranges::count(options_.subjects, subject.name()) > 0;
    if (!named) {
      continue;
    }
    progress(fmt::format("looking for {}", subject.name()), i, all_.size());
    MeasuredSubject record;
    record.name = subject.name();
    record.kind = name_of(subject.kind());
    const auto tried = try_subject(subject, record);
    record.measured = tried.has_value();
    if (record.measured) {
      chosen_.push_back(&subject);
      record.note = subject.tested() ? "" : "its adapter was made from documentation";
    } else {
      record.note = tried.error().context;
    }
    results_.subjects.push_back(std::move(record));
  }
  static_cast<void>(remove_tree(work_ + "/trial"));
  return success();
}

Result<void> BenchRun::each_session(std::size_t sessions, const Session& body) {
  for (std::size_t session = 0; session < sessions && !interrupted(); ++session) {
    const Workspace at = workspace(fmt::format("session-{}", session));
    BOTHY_TRY(make_directories(at.directory));
    Result<void> result = success();
    for (Subject* subject : chosen_) {
      if (result) {
        result = subject->prepare(bench_, at);
      }
    }
    if (result) {
      result = body(at, session);
    }
    // Whatever it was, the next session begins with nothing of it.
    bench_.reaper.kill_all_but({});
    unmount_below(at.directory);
    const auto note = [&result](Result<void> next) {
      if (result) {
        result = std::move(next);
      }
    };
    for (Subject* subject : chosen_) {
      note(subject->clean(bench_, at));
    }
    note(remove_tree(at.directory));
    BOTHY_TRY(result);
    BOTHY_TRY(save());
  }
  return success();
}

std::string BenchRun::new_id() {
  return fmt::format("bench-{}-{}", ::getpid(), ++last_id_);
}

std::vector<Subject*> BenchRun::shuffled() {
  std::vector<Subject*> order = chosen_;
  random_.shuffle(order);
  return order;
}

Result<void> BenchRun::each_subject(std::size_t rounds, const Turn& body) {
  for (std::size_t round = 0; round < rounds; ++round) {
    for (Subject* subject : shuffled()) {
      if (interrupted()) {
        return success();
      }
      BOTHY_TRY(body(*subject, round));
    }
  }
  return success();
}

bool BenchRun::measurable(const Subject& subject, std::string_view metric,
                          const Parameters& parameters) {
  const Metric* known = find_metric(metric);
  const Verdict verdict =
      judge(circumstances_, subject.kind(), known == nullptr ? Quantity::kCount : known->quantity);
  Series& series = results_.at(metric, subject.name(), parameters);
  series.validity = verdict.validity;
  series.reason = verdict.reason;
  return verdict.validity != Validity::kNotMeasurable;
}

void BenchRun::note_unsupported(const Subject& subject, std::string_view metric,
                                const Parameters& parameters, const std::string& reason) {
  Series& series = results_.at(metric, subject.name(), parameters);
  series.validity = Validity::kNotMeasurable;
  series.reason = printable(reason);
}

void BenchRun::add(const Subject& subject, std::string_view metric, const Parameters& parameters,
                   std::size_t session, std::vector<double> iterations) {
  if (measurable(subject, metric, parameters)) {
    Levels& samples = results_.at(metric, subject.name(), parameters).samples;
    samples.resize(std::max(samples.size(), session + 1));
    samples[session].push_back(std::move(iterations));
  }
}

void BenchRun::add_failure(const Subject& subject, std::string_view metric,
                           const Parameters& parameters, const std::string& failure) {
  if (measurable(subject, metric, parameters)) {
    results_.at(metric, subject.name(), parameters).failures.push_back(printable(failure));
  }
}

void BenchRun::add_first(const Subject& subject, std::string_view metric, double value) {
  if (measurable(subject, metric)) {
    results_.at(metric, subject.name()).first.push_back(value);
  }
}

void BenchRun::progress(std::string_view what, std::size_t done, std::size_t all) const {
  if (options_.progress) {
    options_.progress(what, done, all);
  }
}

void BenchRun::describe() {
  namespace json = boost::json;
  json::object host;
  for (const auto& [name, value] : host_facts()) {
    host[name] = value;
  }
  host["class"] = name_of(options_.host_class);
  host["class reason"] = options_.host_reason;
  host["emulated processor"] = options_.emulated_host ? "yes" : "no";
  results_.header = {{"run",
                      {{"bothy", options_.version},
                       {"begun", time_of_day()},
                       {"ended", ""},
                       {"command", options_.command_line},
                       {"seed", options_.seed},
                       {"steal at begin", steal_ticks()}}},
                     {"configuration",
                      {{"image", options_.image.empty() ? "the probe alone" : options_.image},
                       {"kernel", options_.kernel.empty() ? "none" : options_.kernel},
                       {"memory, MiB", options_.memory_mib},
                       {"processors", 1},
                       {"containers have limits", workspace("").limit_containers},
                       {"bundles have a device filter", workspace("").filter_devices},
                       {"sessions", options_.sessions},
                       {"starts", options_.starts},
                       {"quick", options_.quick}}},
                     {"host", std::move(host)}};
}

Result<void> BenchRun::save() {
  auto& run = results_.header["run"].get_object();
  run["ended"] = time_of_day();
  run["steal at end"] = steal_ticks();
  return replace_file(options_.output + "/bench.json", results_.json(), 0644);
}

}  // namespace bothy::bench
