#include "cli/boot/report.h"

#include "tests/support/catch.h"

namespace bothy {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A panic shows the last lines of the console and the remedy for their symptom") {
  GuestFacts facts;
  facts.console_tail =
      "one\nKernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)";
  const std::string text = describe_end({MachineEndReason::kPanicked, 0, {}}, facts);
  CHECK(text.starts_with("the guest's kernel panicked\n"));
  CHECK(contains(text, "last lines of the console:\n  | Kernel panic - not syncing"));
  CHECK(contains(text,
                 "likely remedy: the kernel found no root file system: give it one with --initrd"));
}

TEST_CASE("A report shows the last twenty lines of a console without a panic") {
  GuestFacts facts;
  for (int i = 1; i <= 30; ++i) {
    facts.console_tail += (i == 1 ? "line " : "\nline ") + std::to_string(i);
  }
  const std::string text = describe_end({MachineEndReason::kFailed, 0, {}}, facts);
  CHECK(contains(text, "last lines of the console:\n  | line 11\n"));
  CHECK(contains(text, "  | line 30"));
}

TEST_CASE("A triple fault shows the vCPU's state") {
  GuestFacts facts;
  facts.vcpus = "vCPU 1:\n  rip 0000";
  const std::string text = describe_end({MachineEndReason::kTripleFault, 1, {}}, facts);
  CHECK(text.starts_with("the guest's vCPU 1 triple-faulted\nvCPU 1:\n  rip 0000"));
}

TEST_CASE("A failure of KVM refers to bothy doctor") {
  const std::string text =
      describe_end({MachineEndReason::kFailed, 0, "KVM can't emulate an instruction"}, {});
  CHECK(contains(text, "KVM can't emulate an instruction"));
  CHECK(contains(text, "bothy doctor"));
}

TEST_CASE("The remedy for a timeout depends on how far the guest booted") {
  GuestFacts facts;
  CHECK(contains(suggest_timeout_remedy(facts), "wrote nothing to its console"));
  facts.has_console = false;
  CHECK(contains(suggest_timeout_remedy(facts), "--console serial"));
  facts.has_console = true;
  facts.console_tail = "[    0.1] booting";
  CHECK(contains(suggest_timeout_remedy(facts), "--timeout"));
  facts.marked = true;
  CHECK(contains(suggest_timeout_remedy(facts), "init had started"));
}

}  // namespace bothy
