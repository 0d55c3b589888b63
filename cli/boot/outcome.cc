#include "cli/boot/outcome.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/units.h"
#include "cli/exit_status.h"
#include "devices/virtio/console/kind.h"

namespace bothy {
namespace {

std::string_view name_of(const BootOutcome& outcome) {
  switch (outcome.kind) {
    case BootOutcome::Kind::kGuestEnded:
      return to_string(outcome.end.reason);
    case BootOutcome::Kind::kTimedOut:
      return "timeout";
    case BootOutcome::Kind::kSignalled:
      return "signal";
    case BootOutcome::Kind::kLeft:
      return "left";
    case BootOutcome::Kind::kOutputBroken:
      return "output-broken";
  }
  return "unknown";
}

int status_of_end(MachineEndReason reason) noexcept {
  switch (reason) {
    case MachineEndReason::kPowerOff:
    case MachineEndReason::kReset:
      return exit_status::kSuccess;
    case MachineEndReason::kPanicked:
      return exit_status::kPanicked;
    case MachineEndReason::kTripleFault:
      return exit_status::kTripleFault;
    case MachineEndReason::kFailed:
      return exit_status::kVcpuFailed;
  }
  return exit_status::kOwnFailure;
}

void add_milliseconds(boost::json::object& object, const char* name,
                      const std::optional<std::chrono::nanoseconds>& duration) {
  if (duration) {
    object[name] = static_cast<double>(duration->count()) / 1e6;
  }
}

}  // namespace

int exit_status_of(const BootOutcome& outcome) noexcept {
  switch (outcome.kind) {
    case BootOutcome::Kind::kGuestEnded:
      return status_of_end(outcome.end.reason);
    case BootOutcome::Kind::kTimedOut:
      return exit_status::kTimedOut;
    case BootOutcome::Kind::kSignalled:
      return exit_status::kSignalBase + outcome.signal;
    case BootOutcome::Kind::kLeft:
      return exit_status::kSuccess;
    case BootOutcome::Kind::kOutputBroken:
      return outcome.error_number == EPIPE ? exit_status::kSignalBase + SIGPIPE
                                           : exit_status::kOwnFailure;
  }
  return exit_status::kOwnFailure;
}

std::string describe_outcome(const BootOutcome& outcome, std::chrono::milliseconds timeout) {
  switch (outcome.kind) {
    case BootOutcome::Kind::kGuestEnded:
      if (exit_status_of(outcome) == exit_status::kSuccess) {
        return {};
      }
      return describe_end(outcome.end, outcome.facts);
    case BootOutcome::Kind::kTimedOut:
      return describe_timeout(timeout, outcome.facts);
    case BootOutcome::Kind::kSignalled:
      return fmt::format("ended by signal {} (SIG{})", outcome.signal,
                         ::sigabbrev_np(outcome.signal));
    case BootOutcome::Kind::kLeft:
      return "the guest was ended with Ctrl-A x";
    case BootOutcome::Kind::kOutputBroken:
      return fmt::format("can't write the guest's console: {}",
                         ::strerrordesc_np(outcome.error_number));
  }
  return {};
}

std::string describe_boot_timer(const BootTimes& times) {
  if (!times.start_to_marker || !times.first_run_to_marker) {
    return "boot timer: the guest never wrote the boot marker";
  }
  return fmt::format("boot timer: {} from process start, {} from the first KVM_RUN",
                     format_duration(*times.start_to_marker),
                     format_duration(*times.first_run_to_marker));
}

std::string to_json(const BootOutcome& outcome) {
  boost::json::object object;
  object["end"] = name_of(outcome);
  object["status"] = exit_status_of(outcome);
  if (outcome.kind == BootOutcome::Kind::kSignalled) {
    object["signal"] = outcome.signal;
  }
  if (!outcome.end.detail.empty()) {
    object["detail"] = outcome.end.detail;
  }
  object["kernel"] = outcome.kernel;
  object["cmdline"] = outcome.command_line;
  object["console"] = name_of(outcome.console);
  add_milliseconds(object, "start_to_first_run_ms", outcome.times.start_to_first_run);
  add_milliseconds(object, "start_to_marker_ms", outcome.times.start_to_marker);
  add_milliseconds(object, "first_run_to_marker_ms", outcome.times.first_run_to_marker);
  object["exits"] = {
      {"total", outcome.exits.total()},
      {"port_reads", outcome.exits.port_reads},
      {"port_writes", outcome.exits.port_writes},
      {"mmio_reads", outcome.exits.mmio_reads},
      {"mmio_writes", outcome.exits.mmio_writes},
      {"interrupted", outcome.exits.interrupted},
      {"other", outcome.exits.other},
  };
  return boost::json::serialize(object);
}

}  // namespace bothy
