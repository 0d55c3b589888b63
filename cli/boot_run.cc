#include "cli/boot_run.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "cli/boot_control.h"
#include "cli/process_clock.h"
#include "vmm/base/log.h"
#include "vmm/base/resident.h"

namespace bothy {
namespace {

using Clock = std::chrono::steady_clock;

// A kernel that has said it panicked prints its last lines and resets, unless it was told to hang
// (panic=0).
constexpr std::chrono::seconds kPanicGrace{2};
// How long a slow reader may take for what the guest printed last.
constexpr std::chrono::seconds kFlushPatience{5};
constexpr std::size_t kReportedLines = 80;

constexpr std::string_view kHelp =
    "\nbothy: Ctrl-A x ends the guest, Ctrl-A a sends a Ctrl-A, Ctrl-A h shows this\n";

// A terminal that belongs to another job would stop us when we read it.
bool may_read(int fd) {
  return ::isatty(fd) != 1 || ::tcgetpgrp(fd) == ::getpgrp();
}

// nohup(1), and a shell that starts us in the background, mean what they say.
bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

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
  BOTHY_TRY(console_.start());
  const int fd = options_.json ? STDERR_FILENO : STDOUT_FILENO;
  BOTHY_TRY(output_, ConsoleOutput::create(console_.context(), fd, [this](int error_number) {
              BootOutcome outcome;
              outcome.kind = BootOutcome::Kind::kOutputBroken;
              outcome.error_number = error_number;
              boost::asio::post(control_, [this, outcome] { finish(outcome); });
            }));
  BOTHY_TRY(machine_, Machine::build(options_.machine, *this, *output_));
  BOTHY_TRY(attach_input());
  return open_control_socket();
}

Result<void> BootRun::open_control_socket() {
  if (!options_.control.empty()) {
    BOTHY_TRY(control_server_,
              ControlServer::create(control_, options_.control, machine_commands(*machine_)));
  }
  return success();
}

Result<void> BootRun::attach_input() {
  CharacterReceiver* receiver = machine_->serial_receiver();
  if (receiver == nullptr || !may_read(STDIN_FILENO)) {
    return success();
  }
  terminal_ = RawTerminal::enter(STDIN_FILENO);
  ConsoleInput::Hooks hooks;
  hooks.quit = [this] {
    BootOutcome outcome;
    outcome.kind = BootOutcome::Kind::kLeft;
    boost::asio::post(control_, [this, outcome] { finish(outcome); });
  };
  hooks.help = [] {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kHelp.data(), kHelp.size());
  };
  BOTHY_TRY(input_, ConsoleInput::create(console_.context(), STDIN_FILENO, terminal_.has_value(),
                                         *receiver, std::move(hooks)));
  input_->start();
  return success();
}

void BootRun::watch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    if (!is_ignored(signal)) {
      signals_.add(signal);
    }
  }
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) {
      BootOutcome outcome;
      outcome.kind = BootOutcome::Kind::kSignalled;
      outcome.signal = signal;
      finish(std::move(outcome));
    }
  });
  continued_.add(SIGCONT);
  continued_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error && terminal_) {
      terminal_->reapply();
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
  // A vCPU may wait for room in the output; the console's executor may wait for the terminal.
  if (output_) {
    output_->release_writers();
  }
  if (machine_) {
    machine_->stop();
  }
  console_.stop();
  input_.reset();
  if (output_) {
    output_->flush(Clock::now() + kFlushPatience);
  }
  terminal_.reset();
}

void BootRun::collect(BootOutcome& outcome) const {
  outcome.kernel = machine_->kernel_description();
  outcome.command_line = machine_->command_line();
  outcome.exits = machine_->exit_counts();
  outcome.facts.has_console = options_.machine.serial;
  outcome.facts.console_tail = output_->tail(kReportedLines);
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
