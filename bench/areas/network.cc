#include "bench/areas/network.h"

#include <fmt/format.h>
#include <poll.h>

#include <chrono>

#include "base/find_program.h"
#include "bench/areas/inside.h"
#include "bench/areas/instances.h"
#include "bench/host/host.h"

namespace bothy::bench {
namespace {

constexpr std::string_view kPrefix = "network.";
constexpr std::chrono::minutes kLimit{5};
constexpr std::size_t kKeptOutput = 4096;

const Parameters& across() {
  static const Parameters path{{"path", "host to instance"}};
  return path;
}
const Parameters& loopback() {
  static const Parameters path{{"path", "loopback inside"}};
  return path;
}

ProbeCommand client(BenchRun& run, unsigned port) {
  const Repetitions each = repetitions(run);
  return {"network", std::to_string(port), shuffled_measures(kPrefix, run.random()), each.count,
          each.milliseconds};
}

// Runs the client, and adds what it has measured.
void run_client(BenchRun& run, const Subject& subject, const Parameters& path, std::size_t session,
                const Invocation& invocation, const std::string& success_text,
                const std::set<pid_t>& staying) {
  const Batch batch = run_starts(run.bench(), {invocation}, {"end", success_text, kLimit}, staying);
  if (!batch.interrupted) {
    record_inside(run, subject, kPrefix, path, session, batch.starts[0], "latency");
  }
}

// Reads the instance's output until it says that it listens.
Result<void> await_listening(const BenchRun& run, const Child& child) {
  const auto deadline = Clock::now() + kLimit;
  std::string output;
  std::string errors;
  while (output.find("listening") == std::string::npos) {
    pollfd polled{child.out.get(), POLLIN, 0};
    ::poll(&polled, 1, 100);
    const bool open = polled.revents == 0 || read_available(child.out.get(), output, kKeptOutput);
    if (!open || Clock::now() >= deadline || run.interrupted()) {
      read_available(child.err.get(), errors, kKeptOutput);
      return make_error(ErrorCode::kSystem, "{}; {}",
                        open ? "it doesn't listen" : "it ended before it listened",
                        last_line(errors.empty() ? output : errors));
    }
  }
  return success();
}

Result<void> measure_across(BenchRun& run, const Subject& subject, const Workspace& workspace,
                            std::size_t session) {
  BOTHY_TRY(const unsigned port, free_port());
  const std::string id = run.new_id();
  const auto published =
      subject.run_networked(workspace, id, port, {"answer", std::to_string(port)});
  if (!published && published.error().code == ErrorCode::kUnsupported) {
    note_all_unsupported(run, subject, kPrefix, across(), published.error().context);
    return success();
  }
  BOTHY_TRY(published);
  if (run.results().find_fact("network", "by", subject.name()) == nullptr) {
    run.results().facts.push_back({"network", "by", std::string(subject.name()),
                                   published.value().network, "of TCP between host and instance"});
  }
  BOTHY_TRY(const Child child, start_child(published.value().invocation));
  if (const auto listening = await_listening(run, child); listening) {
    Invocation here{{workspace.root + std::string(kProbePath)}};
    const ProbeCommand command = client(run, port);
    here.arguments.insert(here.arguments.end(), command.begin(), command.end());
    run_client(run, subject, across(), session, here, {}, Reaper::children());
  } else if (!run.interrupted()) {
    run.add_failure(subject, "network.latency", across(), listening.error().context);
  }
  end_instance(run, subject, workspace, id, child);
  return success();
}

Result<void> measure_subject(BenchRun& run, const Subject& subject, const Workspace& workspace,
                             std::size_t session) {
  if (all_measurable(run, subject, kPrefix, loopback())) {
    BOTHY_TRY(const Invocation invocation, subject.run(workspace, run.new_id(), client(run, 0)));
    run_client(run, subject, loopback(), session, invocation, subject.success_text(), {});
  }
  if (!run.interrupted() && all_measurable(run, subject, kPrefix, across())) {
    return measure_across(run, subject, workspace, session);
  }
  return success();
}

}  // namespace

Result<void> measure_network(BenchRun& run) {
  const std::size_t rounds = run.options().quick ? 1 : 2;
  const std::size_t sessions = run.options().sessions;
  return run.each_session(sessions, [&](const Workspace& workspace, std::size_t session) {
    return run.each_subject(rounds, [&](Subject& subject, std::size_t round) {
      run.progress(fmt::format("{}: network", subject.name()), session * rounds + round,
                   sessions * rounds);
      return measure_subject(run, subject, workspace, session);
    });
  });
}

}  // namespace bothy::bench
