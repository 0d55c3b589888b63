#include "cli/boot/run.h"

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "base/resident.h"
#include "base/signals.h"
#include "cli/boot/control.h"
#include "cli/process_clock.h"

namespace bothy {
namespace {

using Clock = std::chrono::steady_clock;

// A kernel that has said it panicked prints its last lines and resets, unless it was told to hang
// (panic=0).
constexpr std::chrono::seconds kPanicGrace{2};
constexpr std::size_t kReportedLines = 80;

}  // namespace

BootRun::BootRun(const BootOptions& options, std::optional<Clock::time_point> deadline)
    : options_(options), deadline_(deadline) {}

BootRun::~BootRun() = default;

Result<BootOutcome> BootRun::run() {
  watch_signals();
  if (auto built = build(); !built) {
    tear_down();
    return std::move(built).error();
  }
  watch_deadline();
  if (auto started = machine_->start(); !started) {
    tear_down();
    return std::move(started).error();
  }
  release_program_pages();
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
  BOTHY_TRY(machine_, Machine::build(options_.machine, *this, console_->sink(), console_->ports()));
  BOTHY_TRY(console_->attach(*machine_));
  watch_terminal();
  return open_control_socket();
}

Result<void> BootRun::open_control_socket() {
  if (!options_.control.empty()) {
    BOTHY_TRY(control_server_,
              ControlServer::create(control_, options_.control, machine_commands(*machine_)));
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
      console_->follow_size(*machine_);
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
  if (console_) {
    console_->release();
  }
  if (machine_) {
    machine_->stop();
  }
  if (console_) {
    console_->stop();
  }
}

void BootRun::collect(BootOutcome& outcome) const {
  outcome.kernel = machine_->kernel_description();
  outcome.command_line = machine_->command_line();
  outcome.console = machine_->console_kind();
  outcome.exits = machine_->exit_counts();
  outcome.facts.has_console = machine_->console_kind() != ConsoleKind::kOff;
  outcome.facts.console_tail = console_->tail(kReportedLines);
  outcome.facts.vcpus = outcome.kind == BootOutcome::Kind::kGuestEnded
                            ? machine_->describe_vcpu(outcome.end.vcpu)
                            : machine_->describe_vcpus();
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
  const auto first_run = machine_->first_run();
  if (!first_run) {
    return times;
  }
  times.start_to_first_run = *first_run - process_start();
  const Clock::time_point marked{Clock::duration(marked_at_.load())};
  if (marked != Clock::time_point{}) {
    times.start_to_marker = marked - process_start();
    times.first_run_to_marker = marked - *first_run;
  }
  return times;
}

void BootRun::on_machine_end(MachineEnd end) noexcept {
  BootOutcome outcome;
  outcome.end = std::move(end);
  boost::asio::post(control_, [this, outcome = std::move(outcome)] { finish(outcome); });
}

void BootRun::on_panic() noexcept {
  boost::asio::post(control_, [this] {
    panic_grace_.expires_after(kPanicGrace);
    panic_grace_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        BootOutcome outcome;
        outcome.end.reason = MachineEndReason::kPanicked;
        finish(std::move(outcome));
      }
    });
  });
}

void BootRun::on_boot_marker() noexcept {
  marked_at_.store(Clock::now().time_since_epoch().count());
  if (options_.boot_timer) {
    // At once: a guest that hangs later has still told.
    boost::asio::post(control_, [this] { tell_boot_times(); });
  }
}

}  // namespace bothy
