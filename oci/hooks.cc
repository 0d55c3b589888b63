#include "oci/hooks.h"

#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <span>

#include "base/files.h"
#include "base/log.h"
#include "base/process.h"

namespace bothy::oci {
namespace {

constexpr std::size_t kShownOutput = 300;

Result<UniqueFd> in_memory(const std::string& text) {
  UniqueFd file(::memfd_create("state", MFD_CLOEXEC));
  if (!file) {
    return errno_error("can't make a file in memory for a hook");
  }
  BOTHY_TRY(write_all_at(file.get(), std::as_bytes(std::span(text)), 0, "the state of a hook"));
  return file;
}

Result<void> run_hook(const container::Hook& hook, const char* kind, const std::string& state) {
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
    return make_error(ErrorCode::kSystem, "{} hook '{}': still running after {} s", kind,
                      printable(hook.path), hook.timeout);
  }
  const ProcessEnd end = process.wait();
  if (!end.succeeded()) {
    return make_error(ErrorCode::kSystem, "{} hook '{}': {}: {}", kind, printable(hook.path),
                      end.describe(), printable(process.output(), kShownOutput));
  }
  return success();
}

}  // namespace

Result<void> run_hooks(const std::vector<container::Hook>& hooks, const char* kind,
                       const std::string& state) {
  for (const container::Hook& hook : hooks) {
    BOTHY_TRY(run_hook(hook, kind, state));
  }
  return success();
}

void run_poststart(const Record& record) {
  const auto run = run_hooks(record.poststart, "poststart", state_json(record, Status::kRunning));
  if (!run) {
    log(LogLevel::kWarning, "{}", run.error().context);
  }
}

void run_poststop(const Record& record) {
  const auto run = run_hooks(record.poststop, "poststop", state_json(record, Status::kStopped));
  if (!run) {
    log(LogLevel::kWarning, "{}", run.error().context);
  }
}

Result<void> check_hooks(const container::Hooks& hooks) {
  if (!hooks.create_container.empty() || !hooks.start_container.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "hooks: createContainer and startContainer aren't supported");
  }
  return success();
}

}  // namespace bothy::oci
