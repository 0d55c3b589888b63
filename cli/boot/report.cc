#include "cli/boot/report.h"

#include <array>

#include "base/units.h"

namespace bothy {
namespace {

constexpr std::string_view kNoConsole =
    "the guest has no console: --console serial shows its messages";
constexpr std::string_view kSilent =
    "the kernel wrote nothing to its console: check that it has CONFIG_SERIAL_8250_CONSOLE; "
    "--cmdline earlyprintk=serial shows messages from before the console driver";
constexpr std::string_view kEmulated =
    "this host's KVM can't run that instruction: `bothy doctor` tells whether the host emulates "
    "guests";

struct Symptom {
  std::string_view text;  // as Linux prints it
  std::string_view remedy;
};

// The most specific first.
constexpr std::array kSymptoms{
    Symptom{"No working init found",
            "the initrd has no init program that the kernel can start: /init, or the path in "
            "rdinit=, must be an executable for this architecture, with its libraries"},
    Symptom{"Requested init",
            "the program that init= or rdinit= names is missing or can't be started"},
    Symptom{"Unable to mount root fs",
            "the kernel found no root file system: give it one with --initrd FILE, or name a "
            "--disk with --cmdline root=/dev/vda"},
    Symptom{"Initramfs unpacking failed",
            "the initrd can't be unpacked: it is damaged, or the kernel doesn't support its "
            "compression"},
    Symptom{"System is deadlocked on memory", "the guest ran out of memory: raise --memory"},
    Symptom{"Out of memory", "the guest ran out of memory: raise --memory"},
    Symptom{"Attempted to kill init", "the guest's init exited: see the init's messages above"},
};

std::string_view find_symptom(std::string_view console) {
  for (const Symptom& symptom : kSymptoms) {
    if (console.find(symptom.text) != std::string_view::npos) {
      return symptom.remedy;
    }
  }
  return {};
}

std::string indent(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    out += "  | ";
    out += lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    out += lines.empty() ? "" : "\n";
  }
  return out;
}

std::string first_line(const MachineEnd& end) {
  switch (end.reason) {
    case MachineEndReason::kPowerOff:
      return "the guest powered off";
    case MachineEndReason::kReset:
      return "the guest rebooted";
    case MachineEndReason::kPanicked:
      return "the guest's kernel panicked";
    case MachineEndReason::kTripleFault:
      return fmt::format("the guest's vCPU {} triple-faulted", end.vcpu);
    case MachineEndReason::kFailed:
      return fmt::format("KVM can't run the guest's vCPU {}: {}", end.vcpu, end.detail);
  }
  return "the guest ended";
}

// From the panic's own line, if the console shows it; the last lines otherwise.
std::string_view excerpt(std::string_view console) {
  constexpr std::size_t kLines = 20;
  const std::size_t panic = console.rfind("Kernel panic");
  if (panic != std::string_view::npos) {
    const std::size_t newline = console.rfind('\n', panic);
    return newline == std::string_view::npos ? console : console.substr(newline + 1);
  }
  std::size_t start = console.size();
  for (std::size_t i = 0; i < kLines && start != std::string_view::npos && start > 0; ++i) {
    start = console.rfind('\n', start - 1);
  }
  return start == std::string_view::npos || start == 0 ? console : console.substr(start + 1);
}

void append_console(std::string& text, const GuestFacts& facts) {
  if (!facts.console_tail.empty()) {
    text += "\nlast lines of the console:\n" + indent(excerpt(facts.console_tail));
  }
}

void append_remedy(std::string& text, std::string_view remedy) {
  if (!remedy.empty()) {
    text += "\nlikely remedy: ";
    text += remedy;
  }
}

}  // namespace

std::string suggest_remedy(const MachineEnd& end, const GuestFacts& facts) {
  if (end.reason == MachineEndReason::kFailed) {
    return std::string(kEmulated);
  }
  if (!facts.has_console) {
    return std::string(kNoConsole);
  }
  if (facts.console_tail.empty()) {
    return std::string(kSilent);
  }
  return std::string(find_symptom(facts.console_tail));
}

std::string suggest_timeout_remedy(const GuestFacts& facts) {
  if (facts.marked) {
    return "the guest's init had started: its work takes longer than the timeout, or it never "
           "powers "
           "off";
  }
  if (!facts.has_console) {
    return std::string(kNoConsole);
  }
  if (facts.console_tail.empty()) {
    return std::string(kSilent) +
           "; on a host whose KVM emulates guests (see `bothy doctor`) Linux doesn't boot at all";
  }
  const std::string_view symptom = find_symptom(facts.console_tail);
  return symptom.empty() ? "the guest was still running: raise --timeout" : std::string(symptom);
}

std::string describe_end(const MachineEnd& end, const GuestFacts& facts) {
  std::string text = first_line(end);
  append_console(text, facts);
  if (end.reason == MachineEndReason::kTripleFault || end.reason == MachineEndReason::kFailed) {
    text += "\n" + facts.vcpus;
  }
  append_remedy(text, suggest_remedy(end, facts));
  return text;
}

std::string describe_timeout(std::chrono::milliseconds timeout, const GuestFacts& facts) {
  std::string text = fmt::format("the guest was still running after {}", format_duration(timeout));
  append_console(text, facts);
  text += "\n" + facts.vcpus;
  append_remedy(text, suggest_timeout_remedy(facts));
  return text;
}

}  // namespace bothy
