#include "oci/hooks.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "oci/inner_hook.h"
#include "oci/seccomp_listener.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

constexpr std::size_t kShownOutput = 300;

// A hook may be the container's, and hostile: it can't change the file.
Result<UniqueFd> in_memory(const std::string& text) {
  UniqueFd file(::memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) {
    return errno_error("can't make a file in memory for a hook");
  }
  BOTHY_TRY(write_all_at(file.get(), std::as_bytes(std::span(text)), 0, "the state of a hook"));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0) {
    return errno_error("can't seal a file in memory for a hook");
  }
  return file;
}

// What a hook comes to; `end`: nothing when it runs longer than it may.
Result<void> judge(const ct::Hook& hook, const char* kind, const std::optional<ProcessEnd>& end,
                   const std::string& output) {
  if (!end) {
    return make_error(ErrorCode::kSystem, "{} hook '{}': still running after {} s", kind,
                      printable(hook.path), hook.timeout);
  }
  if (!end->succeeded()) {
    return make_error(ErrorCode::kSystem, "{} hook '{}': {}: {}", kind, printable(hook.path),
                      end->describe(), printable(output, kShownOutput));
  }
  return success();
}

Result<void> run_hook(const ct::Hook& hook, const char* kind, const std::string& state) {
  BOTHY_TRY(const UniqueFd input, in_memory(state));
  ProcessOptions options;
  options.program = hook.path;
  options.arguments = hook.arguments.empty() ? std::vector{hook.path} : hook.arguments;
  options.environment = hook.environment;
  options.descriptors[STDIN_FILENO] = input.get();
  options.captured = {STDOUT_FILENO, STDERR_FILENO};
  BOTHY_TRY(bothy::Process process, bothy::Process::start(options));
  bothy::Process::ReadLimits limits;
  if (hook.timeout != 0) {
    limits.deadline = bothy::Process::Clock::now() + std::chrono::seconds(hook.timeout);
  }
  if (process.read_output(limits) == bothy::Process::OutputEnd::kDeadline) {
    return judge(hook, kind, std::nullopt, {});
  }
  return judge(hook, kind, process.wait(), process.output());
}

Result<void> run_hooks(const std::vector<ct::Hook>& hooks, const char* kind,
                       const std::string& state) {
  for (const ct::Hook& hook : hooks) {
    BOTHY_TRY(run_hook(hook, kind, state));
  }
  return success();
}

// A hook that fails doesn't keep the next one from running.
void run_all(const std::vector<ct::Hook>& hooks, const char* kind, const std::string& state) {
  for (const ct::Hook& hook : hooks) {
    if (const auto run = run_hook(hook, kind, state); !run) {
      log(LogLevel::kWarning, "{}", run.error().context);
    }
  }
}

// The hooks of the container's process, in the order in which it runs them.
class InnerHooks {
 public:
  explicit InnerHooks(const Record& record) : record_(record) {}

  void add(const std::vector<ct::Hook>& hooks, const char* kind, Status status) {
    for (const ct::Hook& hook : hooks) {
      hooks_.push_back({&hook, kind, status});
    }
  }
  [[nodiscard]] bool is_done() const noexcept { return next_ == hooks_.size(); }
  // Of a process that reports to `socket`.
  [[nodiscard]] Result<void> run_next(int socket) {
    const Each& each = hooks_.at(next_++);
    Record seen = record_;
    BOTHY_TRY(seen.pid, pid_inside(record_.pid));
    BOTHY_TRY(const UniqueFd input, in_memory(state_json(seen, each.status)));
    BOTHY_TRY(const InnerHookEnd end, run_inner_hook(socket, input.get(), each.hook->timeout));
    return judge(*each.hook, each.kind, end.end, end.output);
  }

 private:
  struct Each {
    const ct::Hook* hook;
    const char* kind;
    Status status;
  };

  const Record& record_;
  std::vector<Each> hooks_;
  std::size_t next_ = 0;
};

// Whether the process waits for answer_request().
bool is_request(const ct::LaunchReport& report, const InnerHooks& hooks) {
  return report.status == ct::LaunchStatus::kListener ||
         (report.status == ct::LaunchStatus::kHook && !hooks.is_done());
}

Result<void> answer_request(const ct::LaunchReport& report, int socket, const Record& record,
                            InnerHooks& hooks) {
  if (report.status == ct::LaunchStatus::kHook) {
    return hooks.run_next(socket);
  }
  return hand_over_listener(record.listener, record, Status::kCreating, record.pid, report.listener,
                            socket);
}

}  // namespace

Result<ct::LaunchReport> wait_with_hooks(ct::Launching& process, const ct::Hooks& hooks,
                                         const Record& record) {
  InnerHooks inner(record);
  inner.add(hooks.create_container, "createContainer", Status::kCreating);
  inner.add(hooks.start_container, "startContainer", Status::kCreated);
  for (;;) {
    ct::LaunchReport report = process.wait();
    if (report.status == ct::LaunchStatus::kPaused) {
      const std::string state = state_json(record, Status::kCreating);
      BOTHY_TRY(run_hooks(hooks.prestart, "prestart", state));
      BOTHY_TRY(run_hooks(hooks.create_runtime, "createRuntime", state));
      BOTHY_TRY(ct::answer_pause(process.report_fd()));
    } else if (!is_request(report, inner)) {
      return report;
    } else {
      BOTHY_TRY(answer_request(report, process.report_fd(), record, inner));
    }
  }
}

Result<ct::LaunchReport> receive_start_with_hooks(int socket, const Record& record) {
  InnerHooks inner(record);
  inner.add(record.start_container, "startContainer", Status::kCreated);
  for (;;) {
    ct::LaunchReport report = ct::receive_start(socket);
    if (!is_request(report, inner)) {
      return report;
    }
    BOTHY_TRY(answer_request(report, socket, record, inner));
  }
}

void run_poststart(const Record& record) {
  run_all(record.poststart, "poststart", state_json(record, Status::kRunning));
}

void run_poststop(const Record& record) {
  run_all(record.poststop, "poststop", state_json(record, Status::kStopped));
}

}  // namespace bothy::oci
