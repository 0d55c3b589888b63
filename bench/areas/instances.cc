#include "bench/areas/instances.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy::bench {
namespace {

constexpr std::chrono::minutes kStartLimit{2};
constexpr std::chrono::seconds kEndLimit{30};
constexpr std::chrono::seconds kSignalLimit{10};
constexpr std::size_t kKeptOutput = 65536;

}  // namespace

void end_instance(BenchRun& run, const Subject& subject, const Workspace& workspace,
                  const std::string& id, const Child& child) {
  ::kill(child.pid, SIGTERM);
  Reaper& reaper = run.bench().reaper;
  if (!reaper.wait_for_all_but({}, Clock::now() + kSignalLimit)) {
    for (const Invocation& command : subject.remove(workspace, id)) {
      static_cast<void>(run_command(run.bench(), command));
    }
    reaper.kill_all_but({});
  }
}

Instances::Instances(BenchRun& run, const Subject& subject, const Workspace& workspace)
    : run_(run), subject_(subject), workspace_(workspace), before_(Reaper::children()) {}

Instances::~Instances() {
  if (!instances_.empty()) {
    run_.bench().reaper.kill_all_but(before_);
  }
}

Result<std::int64_t> Instances::start(std::uint64_t mib) {
  return start(ProbeCommand{"idle", std::to_string(mib)});
}

Result<std::int64_t> Instances::start(const ProbeCommand& probe) {
  const std::string id = run_.new_id();
  BOTHY_TRY(const auto detached, subject_.start_detached(workspace_, id, probe));
  return detached ? start_detached(*detached, id) : start_kept(id, probe);
}

Result<std::int64_t> Instances::start_detached(const Invocation& invocation,
                                               const std::string& id) {
  const std::int64_t begun = now_ns();
  BOTHY_TRY(run_command(run_.bench(), invocation, kStartLimit));
  const std::int64_t taken = now_ns() - begun;
  instances_.push_back({id, {}, {}});
  // The command returns when the workload runs, and that may not be ready yet.
  BOTHY_TRY(const std::string text,
            run_command(run_.bench(), subject_.enter(workspace_, id, {"await"}), kStartLimit));
  if (text.find("worked") == std::string::npos) {
    return make_error(ErrorCode::kSystem, "instance {} of {} is not ready: {}", count(),
                      subject_.name(), last_line(text));
  }
  return taken;
}

Result<std::int64_t> Instances::start_kept(const std::string& id, const ProbeCommand& probe) {
  BOTHY_TRY(const Invocation invocation, subject_.run(workspace_, id, probe));
  BOTHY_TRY(Child child, start_child(invocation, Input::kPipe));
  const std::int64_t begun = child.started_ns;
  instances_.push_back({id, std::move(child), {}});
  BOTHY_TRY(await(instances_.back(), "ready"));
  return now_ns() - begun;
}

Result<void> Instances::await(Instance& instance, std::string_view text) {
  const auto deadline = Clock::now() + kStartLimit;
  std::string errors;
  while (instance.output.find(text) == std::string::npos) {
    pollfd polled[] = {{instance.child.out.get(), POLLIN, 0},
                       {run_.bench().interrupt.fd(), POLLIN, 0}};
    ::poll(polled, 2, 100);
    if (polled[1].revents != 0) {
      return make_error(ErrorCode::kSystem, "interrupted");
    }
    const bool open = polled[0].revents == 0 ||
                      read_available(instance.child.out.get(), instance.output, kKeptOutput);
    if (!open || Clock::now() >= deadline) {
      read_available(instance.child.err.get(), errors, kKeptOutput);
      return make_error(ErrorCode::kSystem, "{} {}: {}", subject_.name(),
                        open ? "takes too long" : "has ended",
                        last_line(errors.empty() ? instance.output : errors));
    }
  }
  instance.output.clear();
  return success();
}

Result<void> Instances::prove_alive(std::size_t index) {
  Instance& instance = instances_[index];
  if (instance.child.pid > 0) {
    if (::write(instance.child.in.get(), "\n", 1) != 1) {
      return errno_error(fmt::format("instance {} of {} has ended", index + 1, subject_.name()));
    }
    return await(instance, "worked");
  }
  BOTHY_TRY(const std::string text,
            run_command(run_.bench(), subject_.enter(workspace_, instance.id, {"work"})));
  if (text.find("worked") == std::string::npos) {
    return make_error(ErrorCode::kSystem, "instance {} of {} doesn't work: {}", index + 1,
                      subject_.name(), last_line(text));
  }
  return success();
}

std::vector<pid_t> Instances::processes() const {
  std::set<pid_t> own = Reaper::children();
  std::erase_if(own, [&](pid_t pid) { return before_.contains(pid); });
  return Reaper::descendants(own);
}

Result<void> Instances::remove_all() {
  Result<void> result = success();
  for (Instance& instance : instances_) {
    if (instance.child.pid > 0) {
      instance.child.in.reset();
      ::kill(instance.child.pid, SIGTERM);
    }
  }
  for (const Instance& instance : instances_) {
    for (const Invocation& command : subject_.remove(workspace_, instance.id)) {
      const auto removed = run_command(run_.bench(), command);
      if (!removed && result) {
        result = removed.error();
      }
    }
  }
  if (!run_.bench().reaper.wait_for_all_but(before_, Clock::now() + kEndLimit)) {
    run_.bench().reaper.kill_all_but(before_);
    if (result) {
      result = make_error(ErrorCode::kSystem, "processes of {} were left", subject_.name());
    }
  }
  instances_.clear();
  return result;
}

}  // namespace bothy::bench
