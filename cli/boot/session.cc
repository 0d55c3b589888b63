#include "cli/boot/session.h"

#include "base/log.h"
#include "cli/boot/describe_machine.h"
#include "cli/boot/run.h"
#include "cli/exit_status.h"
#include "cli/json_text.h"

namespace bothy {
namespace {

bool restarts(const BootOptions& options, const BootOutcome& outcome) {
  return options.restart_on_reboot && outcome.kind == BootOutcome::Kind::kGuestEnded &&
         outcome.end.reason == MachineEndReason::kReset;
}

int report(const BootOptions& options, const BootOutcome& outcome) {
  const auto text =
      describe_outcome(outcome, options.timeout.value_or(std::chrono::milliseconds{}));
  if (!text.empty()) {
    log_line(LogLevel::kError, text);
  }
  if (options.json) {
    write_result(to_json(outcome));
  }
  return exit_status_of(outcome);
}

int dry_run(const BootOptions& options) {
  if (const auto valid = validate(options.machine); !valid) {
    log_line(LogLevel::kError, valid.error().context);
    return exit_status::from_error(valid.error().code);
  }
  write_result(pretty_json(describe_machine(options)));
  return exit_status::kSuccess;
}

}  // namespace

int run_boot(const BootOptions& options) {
  if (options.dry_run) {
    return dry_run(options);
  }
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (options.timeout) {
    deadline = std::chrono::steady_clock::now() + *options.timeout;
  }
  for (;;) {
    BootRun run(options, deadline);
    const auto outcome = run.run();
    if (!outcome) {
      log_line(LogLevel::kError, outcome.error().context);
      return exit_status::from_error(outcome.error().code);
    }
    if (!restarts(options, outcome.value())) {
      return report(options, outcome.value());
    }
  }
}

}  // namespace bothy
