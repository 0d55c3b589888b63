#include "cli/boot/session.h"

#include "base/log.h"
#include "cli/boot/machine_file.h"
#include "cli/boot/restarts.h"
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

BootEnd boot_once(const BootOptions& options,
                  std::optional<std::chrono::steady_clock::time_point> deadline, int& status) {
  BootRun run(options, deadline);
  const auto outcome = run.run();
  if (!outcome) {
    log_line(LogLevel::kError, outcome.error().context);
    status = exit_status::from_error(outcome.error().code);
    return BootEnd::kFinal;
  }
  if (restarts(options, outcome.value())) {
    return BootEnd::kRestart;
  }
  status = report(options, outcome.value());
  return BootEnd::kFinal;
}

}  // namespace

int run_boot(const BootOptions& options) {
  if (options.dry_run) {
    write_result(pretty_json(to_json(options)));
    return exit_status::kSuccess;
  }
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (options.timeout) {
    deadline = std::chrono::steady_clock::now() + *options.timeout;
  }
  if (options.sandbox == sandbox::Mode::kOff) {
    log(LogLevel::kWarning, "--sandbox=off: nothing confines bothy if its guest takes it over");
  }
  const auto boot = [&](int& status) { return boot_once(options, deadline, status); };
  if (options.restart_on_reboot) {
    return boot_in_children(boot);
  }
  int status = exit_status::kOwnFailure;
  static_cast<void>(boot(status));
  return status;
}

}  // namespace bothy
