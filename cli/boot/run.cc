#include "cli/boot/run.h"

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "base/resident.h"
#include "base/signals.h"
#include "cli/boot/sandbox_policy.h"
#include "cli/process_clock.h"
#include "sandbox/confinement.h"

namespace bothy {
namespace {

constexpr std::size_t kReportedLines = 80;

}  // namespace

BootRun::BootRun(const BootOptions& options,
                 std::optional<std::chrono::steady_clock::time_point> deadline)
    : options_(options), deadline_(deadline), guest_(control_, machine_hooks()) {}

BootRun::~BootRun() = default;

Result<BootOutcome> BootRun::run() {
  watch_signals();
  // Before there are threads, which confine themselves from now on.
  BOTHY_TRY(sandbox::prepare(options_.sandbox, sandbox_policy(options_)));
  if (auto built = build(); !built) {
    tear_down();
    return std::move(built).error();
  }
  watch_deadline();
  if (auto started = start(); !started) {
    tear_down();
    return std::move(started).error();
  }
  control_.run();
  tear_down();
  if (options_.boot_timer) {
    tell_boot_times();
  }
  collect(*outcome_);
  return std::move(*outcome_);
}

Result<void> BootRun::build() {
  BootConsole::Hooks hooks;
  hooks.broken = [this](int error_number) {
    BootOutcome outcome;
    outcome.kind = BootOutcome::Kind::kOutputBroken;
    outcome.error_number = error_number;
    boost::asio::post(control_, [this, outcome] { finish(outcome); });
  };
  hooks.quit = [this] {
    BootOutcome outcome;
    outcome.kind = BootOutcome::Kind::kLeft;
    boost::asio::post(control_, [this, outcome] { finish(outcome); });
  };
  BOTHY_TRY(console_, BootConsole::create(options_, std::move(hooks)));
  BOTHY_TRY(guest_.build(options_.machine, console_->sink(), console_->device_sinks()));
  BOTHY_TRY(console_->attach(guest_.machine()));
  watch_terminal();
  return open_control_socket();
}

// All is open: the threads that serve the guest confine themselves, this one last.
Result<void> BootRun::start() {
  BOTHY_TRY(sandbox::close_doors());
  console_->confine();
  BOTHY_TRY(guest_.start());
  release_program_pages();
  sandbox::confine_main();
  return success();
}

MachineRun::Hooks BootRun::machine_hooks() {
  MachineRun::Hooks hooks;
  hooks.ended = [this](const MachineEnd& end) {
    BootOutcome outcome;
    outcome.end = end;
    finish(std::move(outcome));
  };
  hooks.release_writers = [this] {
    if (console_) {
      console_->release();
    }
  };
  if (options_.boot_timer) {
    // At once: a guest that hangs later still has its boot time reported.
    hooks.boot_marker = [this] { tell_boot_times(); };
  }
  return hooks;
}

Result<void> BootRun::open_control_socket() {
  if (!options_.control.empty()) {
    BOTHY_TRY(control_server_, ControlServer::create(control_, options_.control,
                                                     guest_.machine().control_commands()));
  }
  return success();
}

void BootRun::watch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    if (!is_signal_ignored(signal)) {
      signals_.add(signal);
    }
  }
  // From now on, so that none is missed; what they lead to begins once there is a machine.
  terminal_signals_.add(SIGCONT);
  terminal_signals_.add(SIGWINCH);
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) {
      BootOutcome outcome;
      outcome.kind = BootOutcome::Kind::kSignalled;
      outcome.signal = signal;
      finish(std::move(outcome));
    }
  });
}

void BootRun::watch_terminal() {
  terminal_signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) {
      console_->reapply_terminal();
      console_->follow_size(guest_.machine());
      watch_terminal();
    }
  });
}

void BootRun::watch_deadline() {
  if (!deadline_) {
    return;
  }
  timeout_.expires_at(*deadline_);
  timeout_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      BootOutcome outcome;
      outcome.kind = BootOutcome::Kind::kTimedOut;
      finish(std::move(outcome));
    }
  });
}

void BootRun::finish(BootOutcome outcome) {
  if (!outcome_) {
    outcome_ = std::move(outcome);
    control_.stop();
  }
}

void BootRun::tear_down() noexcept {
  control_server_.reset();
  terminal_signals_.cancel();
  guest_.stop();
  if (console_) {
    console_->stop();
  }
}

void BootRun::collect(BootOutcome& outcome) const {
  const Machine& machine = guest_.machine();
  outcome.kernel = machine.kernel_description();
  outcome.command_line = machine.command_line();
  outcome.console = machine.console_kind();
  outcome.exits = machine.exit_counts();
  outcome.facts.has_console = machine.console_kind() != ConsoleKind::kOff;
  outcome.facts.console_tail = console_->tail(kReportedLines);
  outcome.facts.vcpus = outcome.kind == BootOutcome::Kind::kGuestEnded
                            ? machine.describe_vcpu(outcome.end.vcpu)
                            : machine.describe_vcpus();
  outcome.times = boot_times();
  outcome.facts.marked = outcome.times.start_to_marker.has_value();
}

void BootRun::tell_boot_times() {
  if (!std::exchange(boot_times_told_, true)) {
    log_line(LogLevel::kError, describe_boot_timer(boot_times()));
  }
}

BootTimes BootRun::boot_times() const {
  BootTimes times;
  const auto first_run = guest_.machine().first_run();
  if (!first_run) {
    return times;
  }
  times.start_to_first_run = *first_run - process_start();
  if (const auto marked = guest_.boot_marker_time()) {
    times.start_to_marker = *marked - process_start();
    times.first_run_to_marker = *marked - *first_run;
  }
  return times;
}

}  // namespace bothy
