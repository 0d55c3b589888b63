#include "vmm/kvm/exit_reason.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace bothy {
namespace {

std::string describe_internal_error(const kvm_run& run) {
  switch (run.internal.suberror) {
    case KVM_INTERNAL_ERROR_EMULATION: {
      std::string text = "KVM can't emulate an instruction of the guest";
      const auto& failure = run.emulation_failure;
      if (failure.ndata >= 3 &&
          (failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0) {
        text += ":";
        const auto count = std::min<std::size_t>(failure.insn_size, sizeof(failure.insn_bytes));
        for (std::size_t i = 0; i < count; ++i) {
          fmt::format_to(std::back_inserter(text), " {:02x}", failure.insn_bytes[i]);
        }
      }
      return text;
    }
    case KVM_INTERNAL_ERROR_SIMUL_EX:
      return "an exception occurred while KVM delivered another";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
      return "an exit occurred while KVM delivered an event";
    default:
      return fmt::format("KVM reports internal error {}", run.internal.suberror);
  }
}

}  // namespace

std::string describe_exit(const kvm_run& run) {
  switch (run.exit_reason) {
    case KVM_EXIT_FAIL_ENTRY:
      return fmt::format("the processor refused to enter the guest (hardware reason {:#x})",
                         run.fail_entry.hardware_entry_failure_reason);
    case KVM_EXIT_INTERNAL_ERROR:
      return describe_internal_error(run);
    case KVM_EXIT_UNKNOWN:
      return fmt::format("the processor left the guest for an unknown reason ({:#x})",
                         run.hw.hardware_exit_reason);
    default:
      return fmt::format("KVM left the guest for the unexpected reason {}", run.exit_reason);
  }
}

}  // namespace bothy
